"""Of one model with different numbers of threads: their latencies side by side, as ratios with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from l0gm_edge.core.profiled import ThreadProfile, ThreadRow
from l0gm_edge.report import percentiles, ratios, wording
from l0gm_edge.report.headline import Figure

TOO_FEW = "takes 10 pairs of blocks"


@dataclass(frozen=True)
class View:
    """The sections that only this kind of profile has; the chart is None where too few blocks were timed."""

    figures: tuple[Figure, ...]
    counted: str
    first: str
    chart: ratios.Chart | None
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...]


def view(found: ThreadProfile) -> View:
    """What the page shows of it."""
    first = found.rows[0]
    runs = sum(len(block.latencies_ns) for block in first.blocks)
    processes = len({block.process for block in first.blocks})
    return View(
        figures=_figures(found.rows),
        counted=f"{runs:,} runs with each, in {processes} fresh processes that hold the model once for every number "
        "of threads; blocks of runs take turns in random order",
        first=_threads(first),
        chart=_chart(found.rows),
        columns=_columns(first),
        rows=tuple(_row(one, first) for one in found.rows),
        missing=tuple(f"p{one.q}: {one.missing}" for one in first.percentiles if one.value_ns is None),
    )


def _figures(rows: Sequence[ThreadRow]) -> tuple[Figure, ...]:
    first = rows[0]
    timed = [(one.ratio, one.interval, one) for one in rows if one.ratio is not None and one.interval is not None]
    ratio, interval, best = min(timed, key=lambda each: each[0])
    near = [one for _, (low, _), one in timed if one is not best and low <= interval[1]]
    settled = f"not told apart from {', '.join(map(_threads, near))}" if near else "every other is slower"
    figures = [
        Figure("Fastest", _threads(best), settled) if len(timed) > 1 else Figure("Fastest", "not told", TOO_FEW),
        *(percentiles.figure(f"p{one.q} with {_threads(best)}", one) for one in best.percentiles),
    ]
    if best is not first:
        low, high = interval
        figures.append(
            Figure(
                f"Against {_threads(first)}",
                wording.factor(ratio, "faster", "slower"),
                f"{wording.number(1 / high)} to {wording.times(1 / low)}",
            )
        )
    return tuple(figures)


def _chart(rows: Sequence[ThreadRow]) -> ratios.Chart | None:
    found = [
        ratios.Estimated("all", _threads(one), one.ratio, *one.interval)
        for one in rows
        if one.ratio is not None and one.interval is not None
    ]
    return ratios.drawn(found, None) if len(found) > 1 else None


def _columns(first: ThreadRow) -> tuple[str, ...]:
    median, *others = (f"p{one.q} ms" for one in first.percentiles)
    return ("Threads", median, "95 % interval", *others, "Ratio", "95 % interval")


def _row(one: ThreadRow, first: ThreadRow) -> tuple[str, ...]:
    median, *others = one.percentiles
    figures = (percentiles.value(median), percentiles.interval(median), *map(percentiles.value, others))
    if one is first:
        return (_threads(one), *figures, "1", "")
    if one.ratio is None or one.interval is None:
        return (_threads(one), *figures, wording.MISSING, TOO_FEW)
    low, high = one.interval
    return (_threads(one), *figures, wording.times(one.ratio), f"{low:.3f} to {high:.3f}")


def _threads(one: ThreadRow) -> str:
    return "1 thread" if one.threads == 1 else f"{one.threads} threads"
