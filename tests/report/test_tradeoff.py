from __future__ import annotations

from l0gm_edge.core.report import Report
from l0gm_edge.report import tradeoff


def test_faster_is_left_and_more_accurate_is_higher(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    panels = tradeoff.panels(report)
    assert [panel.runtime for panel in panels] == ["onnxruntime", "tflite"]
    for panel in panels:
        rows = sorted(
            (row for row in report.artifacts if row.runtime == panel.runtime), key=lambda row: row.p50_ms or 0
        )
        points = sorted(panel.points, key=lambda point: point.x)
        assert [point.label for point in points] == [row.scheme for row in rows]
        heights = sorted(zip([row.accuracy for row in rows], [-point.y for point in points], strict=True))
        assert [y for _, y in heights] == sorted(y for _, y in heights)


def test_panels_share_their_axes(reports: dict[str, Report]) -> None:
    first, second = tradeoff.panels(reports["passing"])
    assert (first.x_ticks, first.y_ticks, first.limit_y) == (second.x_ticks, second.y_ticks, second.limit_y)
    assert first.floor_x != second.floor_x


def test_labels_cover_no_other_label(reports: dict[str, Report]) -> None:
    for panel in tradeoff.panels(reports["passing"]):
        boxes = [
            (point.label_x, point.label_y, point.label_x + tradeoff.CHARACTER_WIDTH * len(point.label))
            for point in panel.points
        ]
        for index, (left, base, right) in enumerate(boxes):
            assert right <= tradeoff.WIDTH
            for other_left, other_base, other_right in boxes[:index]:
                apart = abs(base - other_base) >= tradeoff.LINE_HEIGHT - 0.01
                assert apart or right <= other_left or other_right <= left


def test_a_wide_range_of_latencies_is_drawn_by_logarithm(reports: dict[str, Report]) -> None:
    report = reports["passing"]
    slow = report.artifacts[0].model_copy(update={"p50_ms": 30.0})
    panel = tradeoff.panels(report.model_copy(update={"artifacts": (slow, *report.artifacts[1:])}))[0]
    assert {tick.text for tick in panel.x_ticks} >= {"0.1", "1", "10"}


def test_nothing_is_drawn_of_what_was_not_timed(reports: dict[str, Report]) -> None:
    assert tradeoff.panels(reports["inconclusive"]) == ()
