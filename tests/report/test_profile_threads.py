"""The page of numbers of threads."""

from __future__ import annotations

import profiles
import pytest

from l0gm_edge.core.profiled import Percentile
from l0gm_edge.report.profile_page import render
from l0gm_edge.report.profile_threads import view

ONE = (1, 1.0, (1.0, 1.0))


def test_ratios_stand_on_one_chart_and_in_the_table() -> None:
    found = profiles.threads(ONE, (2, 0.52, (0.51, 0.535)), (4, 0.33, (0.31, 0.37)))
    drawn = view(found).chart
    assert drawn is not None
    assert [one.label for one in drawn.rows] == ["1 thread", "2 threads", "4 threads"]
    assert drawn.rows[0].at == drawn.no_change
    page = render(found)
    for told in (
        "L0GM-Edge profile of numbers of threads",
        "1, 2, 4 threads",
        "750 runs with each, in 3 fresh processes",
        "3.03× faster",
        "2.70 to 3.23×",
        "times the latency with 1 thread",
        "0.520×",
        "0.510 to 0.535",
        "every other is slower",
    ):
        assert told in page, told
    assert "baseline" not in page.partition("</style>")[2]


@pytest.mark.parametrize(
    ("rows", "fastest", "settled"),
    [
        ((ONE, (2, 0.52, (0.50, 0.54)), (4, 0.53, (0.51, 0.55))), "2 threads", "not told apart from 4 threads"),
        ((ONE, (2, 0.98, (0.95, 1.02))), "2 threads", "not told apart from 1 thread"),
        ((ONE, (2, 1.4, (1.3, 1.5))), "1 thread", "every other is slower"),
        ((ONE, (2, None, None)), "not told", "takes 10 pairs of blocks"),
    ],
)
def test_the_fastest_is_named_with_those_that_may_be_as_fast(
    rows: tuple[tuple[int, float | None, tuple[float, float] | None], ...], fastest: str, settled: str
) -> None:
    told = view(profiles.threads(*rows)).figures[0]
    assert (told.value, told.detail) == (fastest, settled)


def test_what_was_too_little_to_compare_is_said_so() -> None:
    few = Percentile(q=99, runs_needed=662, why="needs 662 runs, 20 were taken")
    found = profiles.threads(ONE, (2, None, None))
    rows = tuple(one.model_copy(update={"percentiles": (*one.percentiles[:2], few)}) for one in found.rows)
    page = render(found.model_copy(update={"rows": rows}))
    assert "Too few blocks of runs to compare." in page
    assert "p99: needs 662 runs, 20 were taken." in page
    assert page.count('<td class="none">not measured</td>') == 3  # two p99, one ratio
