from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.report import ArtifactRow, Bin, Floor, Report, Routing
from l0gm_edge.core.store import value_sha256
from l0gm_edge.report import html

VOID = {"meta", "link", "br", "hr", "img", "input"}
LOADING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background"}


class Page(HTMLParser):
    """A page's tags, attributes and text; refuses tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """The words, with every run of white space as one space."""
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_the_page_loads_nothing_and_runs_nothing(any_report: Report) -> None:
    text = html.render(any_report)
    page = Page(text)
    assert not {"script", "iframe", "object", "embed", "img", "base", "form"} & set(page.tags)
    assert [found for found in page.attributes if found[1] in LOADING] == [("link", "href", "data:,")]
    assert not [found for found in page.attributes if found[1].startswith("on")]
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = [value for tag, name, value in page.attributes if (tag, name) == ("meta", "content")]
    assert any(value.startswith("default-src 'none'") for value in policy)


def test_the_first_thing_said_is_the_outcome(reports: dict[str, Report]) -> None:
    for kind, word in (("passing", "PASS"), ("failing", "FAIL"), ("inconclusive", "INCONCLUSIVE")):
        page = Page(html.render(reports[kind])).text
        said = page[page.index("L0GM-Edge report") :]
        assert re.search("PASS|FAIL|INCONCLUSIVE", said).group() == word  # type: ignore[union-attr]


def test_every_artifact_verdict_site_and_expert_is_on_the_page(any_report: Report) -> None:
    text = Page(html.render(any_report)).text
    said = [row.name for row in any_report.artifacts] + [row.why for row in any_report.artifacts]
    said += [verdict.reason for verdict in any_report.verdicts] + [verdict.check for verdict in any_report.verdicts]
    said += (
        [site.site for site in any_report.sites]
        + [name for layer in any_report.routing.layers for name in (layer.module, *layer.experts)]
        + list(any_report.environment)
    )
    said += [row.sha256 for row in any_report.artifacts] + [
        value_sha256(any_report.recipe),
        any_report.recipe.description,
    ]
    missing = [one for one in said if re.sub(r"\s+", " ", one).strip() not in text]
    assert missing == []


def test_charts_have_words_and_tables_have_headers(any_report: Report) -> None:
    text = html.render(any_report)
    for opening in re.findall(r"<svg[^>]*>", text):
        assert 'aria-hidden="true"' in opening or (
            'role="img"' in opening and re.search(r'aria-label="[^"]{20,}', opening)
        )
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        assert "<th scope=" in table


def test_what_is_null_is_said_to_be_not_measured(reports: dict[str, Report]) -> None:
    text = Page(html.render(reports["inconclusive"])).text
    assert "Latency was not measured in this run." in text
    assert "None" not in text
    assert "nan" not in text.split()


def test_auroc_is_shown_where_there_is_one(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    rows = tuple(row.model_copy(update={"auroc": 0.9181}) for row in report.artifacts)
    assert "AUROC" not in Page(html.render(report)).text
    text = Page(html.render(report.model_copy(update={"artifacts": rows}))).text
    assert text.count("0.918") >= len(rows)


def test_energy_is_shown_where_a_device_told_it(reports: dict[str, Report]) -> None:
    report = next(iter(reports.values()))
    assert "Energy" not in Page(html.render(report)).text
    first, *rest = report.artifacts
    told = report.model_copy(update={"artifacts": (first.model_copy(update={"energy_mj": 7.25}), *rest)})
    text = Page(html.render(told)).text
    assert "Energy mJ" in text
    assert "7.25" in text


def test_the_longest_operations_come_first_and_shares_add_up(reports: dict[str, Report]) -> None:
    text = html.render(reports["passing"]).partition("Where the time goes")[2].partition("</section>")[0]
    for block in text.split("<h3>")[1:]:
        shares = [float(share) for share in re.findall(r"width:([\d.]+)%", block)]
        assert sum(shares) == pytest.approx(100, abs=0.1)
        assert shares[:-1] == sorted(shares[:-1], reverse=True)
        assert "4 others" in block


def test_the_same_report_gives_the_same_page(any_report: Report) -> None:
    assert html.render(any_report) == html.render(any_report.model_copy(deep=True))


unit = st.floats(0, 1)
figure = st.one_of(st.none(), st.floats(1e-4, 1e4), st.sampled_from([0.0, math.nan, math.inf]))
bins = st.lists(st.builds(Bin, confidence=unit, accuracy=unit, count=st.integers(0, 10**6)), max_size=4).map(tuple)


@st.composite
def rows(draw: st.DrawFn) -> ArtifactRow:
    """Artifacts with figures that a report may hold, however odd."""
    names = ["p50_ms", "p90_ms", "p50_ratio_to_dense", "p50_ratio_to_fp32", "bytes_ratio_to_dense", "load_ms"]
    scores = ["accuracy", "ece", "ece_scaled", "nll", "brier", "temperature"]
    changes: dict[str, Any] = {name: draw(figure) for name in names} | {name: draw(unit) for name in scores}
    return ArtifactRow(
        name=draw(st.text(max_size=40)),
        role=draw(st.sampled_from([Role.DENSE, Role.COMPRESSED])),
        runtime=draw(st.sampled_from(["onnxruntime", "tflite", "tensorrt"])),
        scheme=draw(st.sampled_from(["fp32", "int8"]) | st.text(max_size=40)),
        sha256="ab" * 32,
        bytes=draw(st.integers(0, 10**12)),
        peak_memory_bytes=draw(st.none() | st.integers(1, 10**12)),
        chosen=draw(st.booleans()),
        why=draw(st.text(max_size=40)),
        reliability=draw(bins),
        reliability_scaled=draw(bins),
        layers=(),
        **changes,
    )


@settings(max_examples=60, deadline=None)
@given(artifacts=st.lists(rows(), max_size=5).map(tuple), floor=figure, description=st.text())
def test_any_figures_and_texts_give_a_sound_page(
    reports: dict[str, Report], artifacts: tuple[ArtifactRow, ...], floor: float | None, description: str
) -> None:
    base = reports["passing"]
    floors = (Floor(runtime="tflite", bytes=1, p50_ms=floor),)
    recipe = base.recipe.model_copy(update={"description": description})
    report = base.model_copy(update={"artifacts": artifacts, "floors": floors, "recipe": recipe})
    page = Page(html.render(report))
    assert "script" not in page.tags
    assert page.tags.count("h2") == 10


def test_every_layer_of_experts_has_its_table(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    (one,) = report.routing.layers
    changes = {"module": "blocks.1.experts", "by_tokens": True, "specialization": None, "kept_pairs": 0.314}
    other = one.model_copy(update=changes)
    page = Page(html.render(report.model_copy(update={"routing": Routing(layers=(one, other))})))
    assert page.text.count("Specialization 0.410") == 1
    assert page.text.count("mean over the tokens of each modality") == 1
    assert page.text.count("31.4 % of the pairs of a token and an expert reach the layer's score threshold") == 1
    assert {"moe", "blocks.1.experts"} <= {word.strip() for word in page.words}
    assert [value for _, name, value in page.attributes if name == "aria-label" and "blocks.1.experts" in value]
    assert "The model has no experts." in Page(html.render(reports["inconclusive"])).text


def test_every_subset_of_modalities_has_a_row(reports: dict[str, Report]) -> None:
    page = html.render(reports["passing"])
    section = page.partition("<h2>With modalities missing</h2>")[2].partition("</section>")[0]
    assert re.findall(r'<th scope="row">([^<]*)</th>', section) == ["audio", "image", "audio, image"]
    assert "With modalities missing" not in html.render(reports["inconclusive"])
