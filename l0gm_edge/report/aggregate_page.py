"""The page of one model's aggregates from a native runner: what each process told, and the device meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from l0gm_edge.core.profiled import AggregateProfile
from l0gm_edge.report import device_state, wording
from l0gm_edge.report.device_state import StateRow
from l0gm_edge.report.pages import template
from l0gm_edge.report.profile_page import KINDS_SHOWN
from l0gm_edge.report.waterfall import Kind, Step, kinds, steps

COLUMNS = ("Mean", "Deviation", "Least", "p5", "Median", "p95", "Most", "First, cold", "Load", "Memory grew", "Runs")


@dataclass(frozen=True)
class View:
    """Aggregates as their page shows them; a row is a process."""

    profile: AggregateProfile
    name: str
    setup: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    peak: str
    kinds: tuple[Kind, ...]
    steps: tuple[Step, ...]
    no_steps: str
    states: tuple[StateRow, ...]
    providers: tuple[str, ...] = ()


def render(found: AggregateProfile) -> str:
    """The page as text."""
    return template("aggregates.html").render(p=view(found))


def view(found: AggregateProfile) -> View:
    """What the page shows of a native runner's aggregates."""
    operators = found.operators
    return View(
        profile=found,
        name=Path(found.model).name,
        setup=f"{found.runtime_version} · {'1 thread' if found.threads == 1 else f'{found.threads} threads'} · "
        f"{wording.size(found.size_bytes)}",
        columns=COLUMNS,
        rows=tuple(
            (
                *(
                    wording.milliseconds(None if ns is None else ns / 1e6)
                    for ns in (
                        *(one.mean_ns, one.deviation_ns, one.min_ns, one.p5_ns, one.median_ns, one.p95_ns, one.max_ns),
                        *(one.cold_ns, one.init_ns),
                    )
                ),
                wording.size(one.memory_growth_bytes),
                f"{one.runs:,}",
            )
            for one in found.processes
        ),
        peak=wording.size(found.peak_memory_bytes),
        kinds=kinds(operators, KINDS_SHOWN) if operators else (),
        steps=steps(operators) if operators else (),
        no_steps=(operators.unavailable or "") if operators else "Operators were not timed; --layers does it.",
        states=device_state.state_rows(found.before.conditions, found.after.conditions),
    )
