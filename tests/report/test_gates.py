from __future__ import annotations

import pytest

from l0gm_edge.core.plan import SiteCut
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.report import Report
from l0gm_edge.report import gates


def test_every_site_stands_under_its_kind(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    kinds = gates.kinds(report)
    assert {site.site for kind in kinds for site in kind.sites} == {site.site for site in report.sites}
    for kind in kinds:
        assert all(site.kind is kind.kind for site in kind.sites)
        assert (kind.kept, kind.width) == (sum(len(s.keep) for s in kind.sites), sum(s.width for s in kind.sites))


def test_the_histogram_counts_kept_and_cut_apart() -> None:
    site = SiteCut(
        site="a",
        kind=SiteKind.HIDDEN,
        width=5,
        keep=(2, 4),
        gate=(0, 0, 1, 0, 1),
        open_probability=(0, 0.05, 1, 0.55, 0.51),
    )
    kind = gates.kinds(_with_sites((site,)))[0]
    drawn = {index: column for index, column in enumerate(kind.columns) if column.kept_height or column.cut_height}
    assert set(drawn) == {0, 5, 9}
    assert (drawn[0].kept_height, drawn[9].cut_height) == (0, 0)
    assert drawn[5].kept_height == pytest.approx(drawn[5].cut_height)
    assert drawn[0].cut_height == pytest.approx(2 * drawn[9].kept_height)
    assert drawn[5].cut_top + drawn[5].cut_height == pytest.approx(drawn[5].kept_top)


def test_a_method_without_probabilities_has_no_histogram() -> None:
    site = SiteCut(site="a", kind=SiteKind.HEADS, width=2, keep=(0,), gate=(1, 0), open_probability=())
    assert gates.kinds(_with_sites((site,)))[0].columns == ()


def _with_sites(sites: tuple[SiteCut, ...]) -> Report:
    return Report.model_construct(sites=sites)
