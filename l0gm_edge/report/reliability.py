"""Reliability diagrams: how often a model is right when it is this sure, before and after temperature scaling."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from l0gm_edge.core.report import Bin, Report
from l0gm_edge.report import wording
from l0gm_edge.report.axis import Axis
from l0gm_edge.report.lineup import Entry, RuntimeGroup, by_runtime

WIDTH, HEIGHT = 300, 360
LEFT, RIGHT, TOP, BOTTOM = 40, 290, 10, 260
COUNTS_TOP, COUNTS_BOTTOM = 276, 318
BAR_WIDTH = 5
FEW = 10
"""Samples below which the accuracy of a bin says little: one more or less moves it by ten points."""


@dataclass(frozen=True)
class Mark:
    """One bin in SVG units: its dot, and its bar of the count strip; `few` samples make a dot that says little."""

    x: float
    y: float
    bar_left: float
    bar_top: float
    bar_height: float
    few: bool
    title: str


@dataclass(frozen=True)
class Diagram:
    """One model's diagram; `before` and `after` hold the same samples, at different confidences."""

    name: str
    caption: str
    before: tuple[Mark, ...]
    after: tuple[Mark, ...]
    bins_before: tuple[Bin, ...]
    bins_after: tuple[Bin, ...]
    largest: int
    description: str


AXIS_X = Axis(0, 1, LEFT, RIGHT)
AXIS_Y = Axis(0, 1, BOTTOM, TOP)


def diagrams(report: Report) -> tuple[Diagram, ...]:
    """One dense fp32 artifact's diagram, then one a chosen artifact."""
    groups = by_runtime(report)
    dense = _first_dense([group for group in groups if group.chosen] or groups)
    chosen = [entry for group in groups for entry in group.chosen]
    return tuple(_diagram(entry) for entry in [*dense, *chosen])


def _first_dense(groups: Iterable[RuntimeGroup]) -> list[Entry]:
    return [entry for group in groups for entry in group.entries if entry.is_dense_twin][:1]


def _diagram(entry: Entry) -> Diagram:
    row = entry.row
    before, after = _occupied(row.reliability), _occupied(row.reliability_scaled)
    largest = max((bin_.count for bin_ in before + after), default=0)
    figures = f"ECE {wording.decimal(row.ece)} before and {wording.decimal(row.ece_scaled)} after"
    temperature = f"temperature {wording.number(row.temperature)}"
    return Diagram(
        row.name,
        f"{figures} {temperature}",
        tuple(_mark(bin_, largest, -BAR_WIDTH) for bin_ in before),
        tuple(_mark(bin_, largest, 0) for bin_ in after),
        before,
        after,
        largest,
        f"Reliability of {row.name}: {figures} {temperature}. The bins are in the table below.",
    )


def _occupied(bins: tuple[Bin, ...]) -> tuple[Bin, ...]:
    return tuple(b for b in bins if b.count > 0 and math.isfinite(b.confidence) and math.isfinite(b.accuracy))


def _mark(bin_: Bin, largest: int, shift: float) -> Mark:
    x = AXIS_X.place(bin_.confidence)
    height = max(1.5, (COUNTS_BOTTOM - COUNTS_TOP) * bin_.count / largest)
    return Mark(
        x,
        AXIS_Y.place(bin_.accuracy),
        round(x + shift, 2),
        round(COUNTS_BOTTOM - height, 2),
        round(height, 2),
        bin_.count < FEW,
        f"confidence {wording.percent(bin_.confidence)}, accuracy {wording.percent(bin_.accuracy)}, "
        f"{wording.count(bin_.count)} samples",
    )
