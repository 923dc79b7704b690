"""Accuracy against latency: one panel a runtime on shared axes, every label placed where it covers nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from l0gm_edge.core.report import Report
from l0gm_edge.report import wording
from l0gm_edge.report.axis import Axis
from l0gm_edge.report.lineup import Entry, RuntimeGroup, Standing, by_runtime

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 350, 10, 208
LOGARITHMIC_FROM = 20
CHARACTER_WIDTH, LINE_HEIGHT, LABEL_LENGTH = 6.3, 13, 24


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Point:
    """One artifact's marker and label, in SVG units."""

    x: float
    y: float
    label: str
    label_x: float
    label_y: float
    standing: Standing
    title: str


@dataclass(frozen=True)
class Panel:
    """One runtime's chart. `floor_x` is the fixed part of the runtime, `limit_y` the lowest accuracy allowed."""

    runtime: str
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    floor_x: float | None
    limit_y: float | None
    description: str


def panels(report: Report) -> tuple[Panel, ...]:
    """The panels of the runtimes in which latency was measured."""
    groups = [group for group in by_runtime(report) if any(_measured(entry) for entry in group.entries)]
    shown = [entry for group in groups for entry in group.entries if _measured(entry)]
    if not shown:
        return ()
    limit = _lowest_allowed(report)
    x, y = _latency_axis(shown), _accuracy_axis(shown, limit)
    return tuple(_panel(group, x, y, limit) for group in groups)


def _measured(entry: Entry) -> bool:
    p50 = entry.row.p50_ms
    return p50 is not None and p50 > 0 and math.isfinite(p50) and math.isfinite(entry.row.accuracy)


def _lowest_allowed(report: Report) -> float:
    drops = [report.recipe.checks.max_accuracy_drop_points, report.hardware.budgets.max_accuracy_drop_points]
    return report.dense.accuracy - min(drop for drop in drops if drop is not None) / 100


def _latency_axis(entries: Sequence[Entry]) -> Axis:
    latencies = [entry.row.p50_ms for entry in entries if entry.row.p50_ms]
    low, high = min(latencies), max(latencies)
    if high / low > LOGARITHMIC_FROM:
        return Axis(low / 1.5, high * 1.5, LEFT, RIGHT, logarithmic=True)
    return Axis(0, high * 1.12, LEFT, RIGHT)


def _accuracy_axis(entries: Sequence[Entry], limit: float) -> Axis:
    """At least three points tall, so that noise does not look like a difference."""
    accuracies = [entry.row.accuracy for entry in entries] + ([limit] if math.isfinite(limit) else [])
    low, high = min(accuracies), max(accuracies)
    margin = max(0.015 - (high - low) / 2, 0.12 * (high - low))
    return Axis(low - margin, high + margin, BOTTOM, TOP)


def _panel(group: RuntimeGroup, x: Axis, y: Axis, limit: float) -> Panel:
    entries = [entry for entry in group.entries if _measured(entry)]
    places = [(x.place(entry.row.p50_ms or 0), y.place(entry.row.accuracy)) for entry in entries]
    labels = [_short(entry.row.scheme) for entry in entries]
    points = tuple(
        Point(*place, label, *label_place, entry.standing, _title(entry))
        for entry, place, label, label_place in zip(entries, places, labels, _place_labels(places, labels), strict=True)
    )
    fixed = group.floor.p50_ms if group.floor else None
    return Panel(
        group.runtime,
        points,
        tuple(Tick(x.place(tick), f"{tick:g}") for tick in x.ticks()),
        tuple(Tick(y.place(tick), f"{100 * tick:g}") for tick in y.ticks()),
        x.place(fixed) if fixed and x.low <= fixed <= x.high else None,
        y.place(limit) if y.low <= limit <= y.high else None,
        f"Accuracy against p50 latency in {group.runtime}. " + " ".join(point.title + "." for point in points),
    )


def _title(entry: Entry) -> str:
    row = entry.row
    figures = f"{wording.percent(row.accuracy)}, {wording.milliseconds(row.p50_ms)}"
    return f"{row.role} {row.scheme} ({entry.standing}): {figures}"


def _short(label: str) -> str:
    return label if len(label) <= LABEL_LENGTH else label[: LABEL_LENGTH - 1] + "…"


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: _Box) -> float:
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0) * max(height, 0)

    def outside(self) -> float:
        """How far the box leaves the panel; weighed as an overlap."""
        return 100 * (
            max(LEFT - self.left, 0) + max(self.right - WIDTH, 0) + max(-self.top, 0) + max(self.bottom - BOTTOM, 0)
        )


def _place_labels(points: Sequence[tuple[float, float]], labels: Sequence[str]) -> list[tuple[float, float]]:
    """The left end of each label's baseline, beside, above or below its point, wherever it covers the least."""
    taken = [_Box(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    places = []
    for (x, y), label in zip(points, labels, strict=True):
        width = CHARACTER_WIDTH * len(label)
        lefts = (x + 10, x - 10 - width, x - width / 2, x + 2, x - width - 2)
        centres = (y, y - 15, y + 15, y - 28, y + 28)
        boxes = [
            _Box(left, centre - LINE_HEIGHT / 2, left + width, centre + LINE_HEIGHT / 2)
            for centre in centres
            for left in lefts
            if centre != y or left in lefts[:2]
        ]
        best = min(boxes, key=lambda box: box.outside() + sum(box.overlap(other) for other in taken))
        taken.append(best)
        places.append((round(best.left, 2), round(best.bottom - 3, 2)))
    return places
