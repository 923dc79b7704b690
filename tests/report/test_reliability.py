from __future__ import annotations

from l0gm_edge.core.report import Report
from l0gm_edge.report import html, reliability


def test_one_dense_diagram_and_one_a_chosen_artifact(reports: dict[str, Report]) -> None:
    names = [diagram.name for diagram in reliability.diagrams(reports["passing"])]
    assert names == ["onnxruntime-dense-fp32", "onnxruntime-compressed-int8", "tflite-compressed-dynamic_int8"]
    assert [one.name for one in reliability.diagrams(reports["inconclusive"])] == ["onnxruntime-dense-fp32"]


def test_empty_bins_are_not_drawn(reports: dict[str, Report]) -> None:
    row, diagram = reports["passing"].artifacts[0], reliability.diagrams(reports["passing"])[0]
    occupied = [bin_ for bin_ in row.reliability if bin_.count]
    assert len(diagram.before) == len(occupied) < len(row.reliability)
    assert diagram.bins_before == tuple(occupied)


def test_too_sure_is_drawn_below_the_diagonal(reports: dict[str, Report]) -> None:
    diagram = reliability.diagrams(reports["passing"])[0]
    for mark, bin_ in zip(diagram.before, diagram.bins_before, strict=True):
        assert mark.y >= reliability.AXIS_Y.place(bin_.confidence)


def test_bars_stand_on_the_strip_and_the_tallest_fills_it(reports: dict[str, Report]) -> None:
    for diagram in reliability.diagrams(reports["passing"]):
        marks = diagram.before + diagram.after
        assert all(mark.bar_top + mark.bar_height == reliability.COUNTS_BOTTOM for mark in marks)
        assert min(mark.bar_top for mark in marks) == reliability.COUNTS_TOP


def test_bins_of_few_samples_are_pale_and_off_the_line(reports: dict[str, Report]) -> None:
    row = reports["passing"].artifacts[0]
    few = row.reliability[-1].model_copy(update={"count": reliability.FEW - 1})
    lone = reports["passing"].model_copy(
        update={"artifacts": (row.model_copy(update={"reliability": (*row.reliability[:-1], few)}),)}
    )
    (diagram,) = reliability.diagrams(lone)
    assert [mark.few for mark in diagram.before] == [False] * (len(diagram.before) - 1) + [True]
    page = html.render(lone)
    assert page.count('class="before few"') == 1
    assert f"L{diagram.before[-1].x} {diagram.before[-1].y}" not in page
