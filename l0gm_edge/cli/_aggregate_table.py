"""A native runner's aggregates as a table: one column a process, and plainly no samples."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from l0gm_edge.cli._profile_words import size, time
from l0gm_edge.core.aggregates import Aggregates
from l0gm_edge.core.profiled import AggregateProfile

ROWS: dict[str, Callable[[Aggregates], float | None]] = {
    "mean": lambda one: one.mean_ns,
    "deviation": lambda one: one.deviation_ns,
    "least": lambda one: one.min_ns,
    "p5": lambda one: one.p5_ns,
    "median": lambda one: one.median_ns,
    "p95": lambda one: one.p95_ns,
    "most": lambda one: one.max_ns,
    "first, cold": lambda one: one.cold_ns,
    "load": lambda one: one.init_ns,
}
SAID = "aggregates of a native runner: no single runs, so no intervals, and no verdict on a budget of latency"


def show_aggregates(found: AggregateProfile, console: Console) -> None:
    """Print what each process told, and the memory of one."""
    console.print(f"[yellow]{SAID}[/]")
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for index in range(len(found.processes)):
        table.add_column(f"process {index + 1}", justify="right", style="bold")
    for name, figure in ROWS.items():
        told = [figure(one) for one in found.processes]
        if any(one is not None for one in told):
            table.add_row(name, *("-" if one is None else time(one) for one in told))
    table.add_row("memory grew", *(_size(one.memory_growth_bytes) for one in found.processes))
    table.add_row("runs", *(f"{one.runs:,}" for one in found.processes))
    console.print(table)
    console.print(f"peak memory {_size(found.peak_memory_bytes)}, of a process of its own, the runner included")
    if ignored := sorted({name for one in found.processes for name in one.ignored}):
        console.print(f"[dim]options that this runner does not know: {', '.join(ignored)}[/]")


def _size(count: int | None) -> str:
    return "not told" if count is None else size(count)
