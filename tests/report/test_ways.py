"""The way from torch to the device, in the report and on the page."""

from __future__ import annotations

import pytest

from l0gm_edge.core.report import Report
from l0gm_edge.core.truth import Chain, Link, Place
from l0gm_edge.report import html, markdown, ways

NAME = "onnxruntime-compressed-fp32"


@pytest.fixture
def followed(reports: dict[str, Report]) -> Report:
    links = (
        Link(place=Place.FILE, difference=2.1e-7, agreement=1.0),
        Link(place=Place.HOST, unavailable="no <such> operator"),
        Link(place=Place.DEVICE, agreement=0.5),
    )
    apart = Chain(artifact=NAME, rows=8, links=links, parted=Place.DEVICE, layer="moe.router")
    return reports["passing"].model_copy(update={"ways": (apart, Chain(artifact="plain", rows=8, links=links[:1]))})


def test_each_place_has_its_distance_or_why_it_has_none(followed: Report) -> None:
    assert ways.places(followed) == (Place.FILE, Place.HOST, Place.DEVICE)
    apart, plain = ways.ways(followed)
    assert [cell.text for cell in apart.cells] == [
        "2.1×10⁻⁷ · 100.0\N{NO-BREAK SPACE}%",
        "not measured",
        "not finite · 50.0\N{NO-BREAK SPACE}%",
    ]
    assert apart.cells[1].why == "no <such> operator"
    assert [cell.text for cell in plain.cells][1:] == ["", ""]
    assert plain.parted == ways.NOWHERE


def test_the_page_and_the_summary_say_where_answers_part(followed: Report) -> None:
    page, summary = html.render(followed), markdown.render(followed)
    assert "no &lt;such&gt; operator" in page
    for text in (page, summary):
        assert "on the device, first in layer moe.router" in text.replace("&#39;", "'")


def test_a_report_without_ways_has_no_such_section(reports: dict[str, Report]) -> None:
    assert "From torch to the device" not in html.render(reports["passing"])
