"""Profiles as tables for a person: one model alone here, other kinds in the files beside this."""

from __future__ import annotations

from statistics import mean

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from l0gm_edge.cli import _throughput_tables
from l0gm_edge.cli._aggregate_table import show_aggregates
from l0gm_edge.cli._profile_words import conditions, size, time
from l0gm_edge.cli._sustained_table import show_sustained
from l0gm_edge.core.engine import EngineRun
from l0gm_edge.core.profiled import (
    AggregateProfile,
    ModelProfile,
    OfflineProfile,
    OperatorTimes,
    Percentile,
    Profiled,
    SustainedProfile,
    ThreadProfile,
    shares,
)
from l0gm_edge.report import energy
from l0gm_edge.report.waterfall import providers

SHOWN_OPERATORS = 15
BAR_WIDTH = 20
NARROWEST_NAME, GAPS = 12, 10


def show(found: Profiled, console: Console | None = None) -> None:
    """Print a profile on standard output."""
    console = console or Console(highlight=False)
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    if isinstance(found, ThreadProfile):
        threads = f"{', '.join(str(row.threads) for row in found.rows)} threads"
    console.print(
        f"[bold]{escape(found.model)}[/]  {size(found.size_bytes)} · {found.runtime_version} · {threads}"
        f" · {escape(found.hardware)} ({escape(found.before.machine.get('processor', 'unknown processor'))})"
    )
    match found:
        case ModelProfile():
            _show_single(found, console)
        case AggregateProfile():
            show_aggregates(found, console)
            if found.operators:
                _show_operators(found.operators, console)
        case SustainedProfile():
            show_sustained(found, console)
        case OfflineProfile():
            _throughput_tables.show_offline(found, console)
        case ThreadProfile():
            _throughput_tables.show_threads(found, console)
    console.print(conditions(found.before.conditions, found.after.conditions))
    for warning in found.warnings:
        if warning in found.disturbed and not isinstance(found, SustainedProfile):
            console.print(f"[red]does not count:[/] {escape(warning)}")
        else:
            console.print(f"[yellow]careful:[/] {escape(warning)}")


def _show_single(found: ModelProfile, console: Console) -> None:
    console.print(_figures(found))
    if found.engine:
        _show_engine(found.engine, console)
    if found.operators:
        _show_operators(found.operators, console)


def _show_engine(engine: EngineRun, console: Console) -> None:
    origin = "brought" if engine.key is None else f"for compute capability {engine.key.compute_capability}"
    built = "" if engine.build_seconds is None else f", built in {engine.build_seconds:.1f} s"
    console.print(f"engine      {size(engine.size_bytes)}, {origin}{built}")
    console.print(f"timed by    {escape(engine.timing)}")


def _figures(found: ModelProfile) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("", justify="right", style="bold")
    table.add_column("95 % interval", style="dim")
    table.add_column("99 % bound", style="dim")
    for one in found.percentiles:
        table.add_row(f"p{one.q}", *_percentile(one))
    first, *again = found.load_ns
    table.add_row("load", time(first), f"first in its process; then {time(mean(again))}" if again else "")
    peak = found.peak_memory_bytes
    table.add_row(
        "peak memory", "not told" if peak is None else size(peak), "of the process, Python and runtime included"
    )
    table.add_row("energy", *map(escape, energy.told(found.energy)))
    processes = len(found.warmup_runs)
    table.add_row(
        "runs", f"{found.runs:,}", f"in {processes} processes, after {mean(found.warmup_runs):.0f} to warm up in each"
    )
    return table


def _percentile(one: Percentile) -> tuple[str, str, str]:
    if one.value_ns is None or one.interval_ns is None:
        return "-", one.missing, ""
    low, high = one.interval_ns
    return time(one.value_ns), f"{time(low)} to {time(high)}", "" if one.bound_ns is None else f"≤ {time(one.bound_ns)}"


def _show_operators(operators: OperatorTimes, console: Console) -> None:
    console.print()
    if operators.unavailable:
        console.print(f"[yellow]no operator times:[/] {escape(operators.unavailable)}")
        return
    ranked = sorted(zip(shares(operators.layers), operators.layers, strict=True), key=lambda pair: -pair[0])
    rows = [
        (
            f"{layer.op} *" if layer.op in operators.fallback_ops else layer.op,
            layer.name,
            time(layer.mean_ns),
            f"{share:.1%}",
            "█" * round(share * BAR_WIDTH),
        )
        for share, layer in ranked[:SHOWN_OPERATORS]
    ]
    beside_names = sum(max(len(row[at]) for row in rows) for at in (0, 2, 3, 4)) if rows else 0
    table = Table(box=None, pad_edge=False)
    table.add_column("operator", no_wrap=True)
    table.add_column(
        "name",
        overflow="ellipsis",
        no_wrap=True,
        style="dim",
        max_width=max(NARROWEST_NAME, console.width - beside_names - GAPS),
    )
    table.add_column("mean", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("", style="cyan")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    rest = ranked[SHOWN_OPERATORS:]
    if rest:
        console.print(f"[dim]and {len(rest)} more, {sum(share for share, _ in rest):.1%} together[/]")
    console.print("[dim]profiling slows every operator: trust the shares, not the times[/]")
    if told := providers(operators):
        console.print(f"run by: {escape('; '.join(told))}")
    if operators.fallback_ops:
        console.print(f"* outside the fast path: {escape(', '.join(operators.fallback_ops))}")
