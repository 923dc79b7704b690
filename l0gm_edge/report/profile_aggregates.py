"""Of one model timed by a native runner: what each process told of all its runs."""

from __future__ import annotations

from dataclasses import dataclass

from l0gm_edge.core.aggregates import Aggregates
from l0gm_edge.core.profiled import AggregateProfile
from l0gm_edge.report import operators, wording
from l0gm_edge.report.headline import Figure

COLUMNS = ("Mean", "Deviation", "Least", "p5", "Median", "p95", "Most", "First, cold", "Load", "Memory grew", "Runs")


@dataclass(frozen=True)
class View:
    """The sections that only this kind of profile has; a row is a process. Nothing of it is a headline."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    peak: str
    operators: operators.View
    figures: tuple[Figure, ...] = ()


def view(found: AggregateProfile) -> View:
    """What the page shows of it."""
    return View(
        columns=COLUMNS,
        rows=tuple(_row(one) for one in found.processes),
        peak=wording.size(found.peak_memory_bytes),
        operators=operators.view(found.operators),
    )


def _row(one: Aggregates) -> tuple[str, ...]:
    spread = (one.mean_ns, one.deviation_ns, one.min_ns, one.p5_ns, one.median_ns, one.p95_ns, one.max_ns)
    return (
        *(wording.milliseconds(None if ns is None else ns / 1e6) for ns in (*spread, one.cold_ns, one.init_ns)),
        wording.size(one.memory_growth_bytes),
        f"{one.runs:,}",
    )
