"""The candidate's latency in times of the baseline's, process by process, session by session and in all: a chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from l0gm_edge.core.comparison import Pair, Session, Side
from l0gm_edge.core.copies import copies_ratio, process_logs
from l0gm_edge.core.measurement import Block
from l0gm_edge.report import wording
from l0gm_edge.report.axis import Axis
from l0gm_edge.report.distribution import Tick

WIDTH = 440
LEFT, RIGHT, TOP = 118, 426, 14
ROW, SMALL_ROW = 20, 11
BELOW = 44


@dataclass(frozen=True)
class Estimated:
    """One row: a figure with its range, both as ratios; `kind` says what it is of."""

    kind: str
    label: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """A row in SVG units."""

    kind: str
    label: str
    at: float
    low: float
    high: float
    y: float
    title: str


@dataclass(frozen=True)
class Chart:
    """Every row, the places of `no change` and of the limit, and the axis."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    no_change: float
    limit: float | None
    bottom: float
    height: float
    description: str


Copies = Sequence[Sequence[Block]]


def chart(pair: Pair) -> Chart | None:
    """The chart of a pair, or None when nothing was timed. Sessions that were disturbed have their own rows alone."""
    found = _estimated(pair)
    if not found:
        return None
    verdict = pair.verdict("latency")
    return drawn(found, verdict.limit if verdict else None)


def drawn(found: Sequence[Estimated], limit: float | None) -> Chart:
    """A chart of these rows, of which there is at least one."""
    within = [1.0, *(one.low for one in found), *(one.high for one in found)] + ([limit] if limit else [])
    margin = max(0.004, 0.06 * (max(within) - min(within)))
    x = Axis(min(within) - margin, max(within) + margin, LEFT, RIGHT)
    rows, y = [], float(TOP)
    for one in found:
        step = SMALL_ROW if one.kind == "process" else ROW
        y += step / 2
        rows.append(Row(one.kind, one.label, x.place(one.value), x.place(one.low), x.place(one.high), y, _title(one)))
        y += step / 2
    return Chart(
        rows=tuple(rows),
        ticks=tuple(Tick(x.place(tick), f"{tick:g}×") for tick in x.ticks(5)),
        no_change=x.place(1.0),
        limit=None if limit is None else x.place(limit),
        bottom=round(y + 4, 2),
        height=round(y + BELOW, 2),
        description=". ".join(_title(one) for one in found if one.kind != "process"),
    )


def _estimated(pair: Pair) -> list[Estimated]:
    found: list[Estimated] = []
    for number, session in enumerate(pair.sessions, start=1):
        ours, theirs = session.candidate.copies, session.baseline.copies
        found += [_of_process(number, rounds) for rounds in process_logs(ours, theirs).values()]
        name = f"session {number}" if not session.disturbed else f"session {number}, disturbed"
        found += _ratio("session" if not session.disturbed else "disturbed", name, ours, theirs)
    sound = [one for one in pair.sessions if not one.disturbed]
    if sound:
        found += _ratio("all", "in all", _joined(sound, _candidate), _joined(sound, _baseline))
        for name, side in (("baseline, control", _baseline), ("candidate, control", _candidate)):
            first, second = _joined(sound, side)[:2]
            found += _ratio("control", name, [second], [first])
    return found


def _of_process(session: int, rounds: Sequence[float]) -> Estimated:
    low, middle, high = (exp(float(np.quantile(rounds, at))) for at in (0.25, 0.5, 0.75))
    return Estimated("process", f"a process of session {session}, middle half of its rounds", middle, low, high)


def _ratio(kind: str, label: str, ours: Copies, theirs: Copies) -> list[Estimated]:
    estimate = copies_ratio(ours, theirs)
    return [] if estimate is None else [Estimated(kind, label, estimate.value, estimate.low, estimate.high)]


def _joined(sessions: Sequence[Session], side: Callable[[Session], Side]) -> list[tuple[Block, ...]]:
    """The blocks of each copy, over sessions."""
    every = [side(one).copies for one in sessions]
    return [tuple(block for of_session in of_copy for block in of_session) for of_copy in zip(*every, strict=True)]


def _baseline(session: Session) -> Side:
    return session.baseline


def _candidate(session: Session) -> Side:
    return session.candidate


def _title(one: Estimated) -> str:
    return f"{one.label}: {wording.times(one.value)} ({one.low:.3f} to {one.high:.3f})"
