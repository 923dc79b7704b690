"""How latencies are spread, and how they went over time, in SVG units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.measurement import Block
from l0gm_edge.report import wording
from l0gm_edge.report.axis import Axis

WIDTH, HEIGHT = 440, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 428, 22, 172
COLUMNS = 40
LEAST_SHOWN, MOST_SHOWN = 95, 99
"""Percentiles between which the columns end; what is slower is counted in words."""
TAILS = 8
"""How many times as far from the median as p90 columns may go: a few stragglers are not to press the others flat."""
LABEL_WIDTH = 24


@dataclass(frozen=True)
class Column:
    """One column: so many runs took so long."""

    left: float
    top: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Mark:
    """A line at a percentile, and where its label begins."""

    at: float
    label_x: float
    text: str


@dataclass(frozen=True)
class Histogram:
    """Runs by latency; `slower` says how many lie to the right of the last column, `marks` are percentiles."""

    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    tallest: int
    slower: str
    description: str


@dataclass(frozen=True)
class Course:
    """Medians of blocks in the order taken: a line a process."""

    lines: tuple[tuple[tuple[float, float], ...], ...]
    ticks: tuple[Tick, ...]
    description: str


def histogram(blocks: Sequence[Block], percentiles_ms: Sequence[tuple[int, float]] = ()) -> Histogram | None:
    """All runs, with lines at percentiles (q, milliseconds) that lie within; None without any run."""
    runs = np.array([ns for block in blocks for ns in block.latencies_ns]) / 1e6
    if not runs.size:
        return None
    low, high = float(runs.min()), _right_end(runs)
    if high <= low:
        low, high = 0.95 * low, 1.05 * high
    counts, edges = np.histogram(runs, bins=COLUMNS, range=(low, high))
    x, y = Axis(low, high, LEFT, RIGHT), Axis(0, float(counts.max() or 1), BOTTOM, TOP)
    slower = int((runs > high).sum())
    return Histogram(
        columns=tuple(
            Column(
                left=x.place(left),
                top=y.place(count),
                width=round(x.place(right) - x.place(left) - 0.8, 2),
                height=round(BOTTOM - y.place(count), 2),
                title=f"{count} of {len(runs)} runs: {wording.number(left)} to {wording.milliseconds(right)}",
            )
            for count, left, right in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
            if count
        ),
        ticks=tuple(Tick(x.place(tick), f"{tick:g}") for tick in x.ticks()),
        marks=_marks([(x.place(at), f"p{q}") for q, at in percentiles_ms if at <= high]),
        tallest=int(counts.max()),
        slower=f"{slower} slower runs, up to {wording.milliseconds(float(runs.max()))}, lie further right"
        if slower
        else "",
        description=f"{len(runs)} runs between {wording.number(low)} and {wording.milliseconds(float(runs.max()))}. "
        + ", ".join(f"p{q} is {wording.milliseconds(at)}" for q, at in percentiles_ms),
    )


def _right_end(runs: NDArray[np.float64]) -> float:
    middle, tail, least, most = np.percentile(runs, (50, 90, LEAST_SHOWN, MOST_SHOWN))
    return float(max(least, min(most, middle + TAILS * (tail - middle))))


def _marks(places: Sequence[tuple[float, str]]) -> tuple[Mark, ...]:
    """Labels right of their lines, or further left where the next one needs the room."""
    marks: list[Mark] = []
    room = float(WIDTH - LABEL_WIDTH)
    for at, text in sorted(places, reverse=True):
        label_x = round(min(at + 3, room), 2)
        marks.append(Mark(at, label_x, text))
        room = label_x - LABEL_WIDTH
    return tuple(reversed(marks))


def course(blocks: Sequence[Block]) -> Course | None:
    """Block medians over the whole measurement, process after process; None with fewer than two blocks."""
    if len(blocks) < 2:
        return None
    medians = [float(np.median(block.latencies_ns)) / 1e6 for block in blocks]
    x, y = Axis(0, len(blocks) - 1, LEFT, RIGHT), Axis.around(medians, BOTTOM, TOP)
    lines: dict[int, list[tuple[float, float]]] = {}
    for at, (block, median) in enumerate(zip(blocks, medians, strict=True)):
        lines.setdefault(block.process, []).append((x.place(at), y.place(median)))
    return Course(
        lines=tuple(map(tuple, lines.values())),
        ticks=tuple(Tick(y.place(tick), f"{tick:g}") for tick in y.ticks(4)),
        description=f"Medians of {len(blocks)} blocks of runs in {len(lines)} processes, from "
        f"{wording.number(min(medians))} to {wording.milliseconds(max(medians))}",
    )
