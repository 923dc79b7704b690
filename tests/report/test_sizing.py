"""How a target in milliseconds was met, in the report and on the page."""

from __future__ import annotations

import pytest

from l0gm_edge.core.plan import Sized
from l0gm_edge.core.report import Report
from l0gm_edge.report import html, markdown, sizing


@pytest.fixture
def sized(reports: dict[str, Report]) -> Report:
    plain = {"scheme": "fp32", "percentile": 50, "requested_ms": 0.2, "predicted_ms": 0.197, "measured_ms": 0.195}
    latency = (Sized(runtime="onnxruntime", **plain), Sized(runtime="elsewhere", **plain | {"percentile": 90}))
    return reports["passing"].model_copy(update={"latency": latency})


def test_what_was_delivered_is_the_sized_file(sized: Report) -> None:
    first, second = sizing.lines(sized)
    file = next(row for row in sized.artifacts if row.name == "onnxruntime-compressed-fp32")
    assert (first.runtime, first.percentile, first.requested) == ("onnxruntime", "p50", "0.200\N{NO-BREAK SPACE}ms")
    assert first.delivered == f"{file.p50_ms:.3f}\N{NO-BREAK SPACE}ms"
    assert (second.percentile, second.delivered) == ("p90", "not measured")


def test_the_page_and_the_summary_tell_it(sized: Report) -> None:
    for text in (html.render(sized), markdown.render(sized)):
        for figure in ("0.200", "0.197", "0.195"):
            assert figure in text


def test_other_targets_have_nothing_to_tell(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    assert sizing.lines(report) == ()
    assert "asked for" not in markdown.render(report)
    assert "The latency that was asked for" not in html.render(report)
