"""A model's profile as tables for a person."""

from __future__ import annotations

from statistics import mean

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from l0gm_edge.core.engine import EngineRun
from l0gm_edge.core.profiled import ModelProfile, OperatorTimes, Percentile, shares

SHOWN_OPERATORS = 15
BAR_WIDTH = 20


def show(found: ModelProfile, console: Console | None = None) -> None:
    """Print the profile on standard output."""
    console = console or Console(highlight=False)
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    console.print(
        f"[bold]{escape(found.model)}[/]  {_bytes(found.size_bytes)} · {found.runtime_version} · {threads}"
        f" · {escape(found.hardware)} ({escape(found.before.machine.get('processor', 'unknown processor'))})"
    )
    console.print(_figures(found))
    if found.engine:
        _show_engine(found.engine, console)
    if found.operators:
        _show_operators(found.operators, console)
    for warning in found.warnings:
        console.print(f"[yellow]careful:[/] {escape(warning)}")


def _show_engine(engine: EngineRun, console: Console) -> None:
    origin = "brought" if engine.key is None else f"for compute capability {engine.key.compute_capability}"
    built = "" if engine.build_seconds is None else f", built in {engine.build_seconds:.1f} s"
    console.print(f"engine      {_bytes(engine.size_bytes)}, {origin}{built}")
    console.print(f"timed by    {escape(engine.timing)}")


def _figures(found: ModelProfile) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("", justify="right", style="bold")
    table.add_column("95 % interval", style="dim")
    runs = sum(len(block.latencies_ns) for block in found.blocks)
    for one in found.percentiles:
        table.add_row(f"p{one.q}", *_percentile(one, runs))
    first, *again = found.load_ns
    table.add_row("load", _time(first), f"first in its process; then {_time(mean(again))}" if again else "")
    peak = found.peak_memory_bytes
    table.add_row(
        "peak memory", "not told" if peak is None else _bytes(peak), "of the process, Python and runtime included"
    )
    processes = len(found.warmup_runs)
    table.add_row(
        "runs", str(runs), f"in {processes} processes, after {mean(found.warmup_runs):.0f} to warm up in each"
    )
    return table


def _percentile(one: Percentile, runs: int) -> tuple[str, str]:
    if one.value_ns is None or one.interval_ns is None:
        return "-", f"needs {one.runs_needed} runs, {runs} were taken"
    low, high = one.interval_ns
    return _time(one.value_ns), f"{_time(low)} to {_time(high)}"


def _show_operators(operators: OperatorTimes, console: Console) -> None:
    console.print()
    if operators.unavailable:
        console.print(f"[yellow]no operator times:[/] {escape(operators.unavailable)}")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("operator")
    table.add_column("name", overflow="ellipsis", no_wrap=True, style="dim")
    table.add_column("mean", justify="right")
    table.add_column("share", justify="right")
    table.add_column("")
    ranked = sorted(zip(shares(operators.layers), operators.layers, strict=True), key=lambda pair: -pair[0])
    for share, layer in ranked[:SHOWN_OPERATORS]:
        op = f"{layer.op} *" if layer.op in operators.fallback_ops else layer.op
        bar = "█" * round(share * BAR_WIDTH)
        table.add_row(escape(op), escape(layer.name), _time(layer.mean_ns), f"{share:.1%}", f"[cyan]{bar}[/]")
    console.print(table)
    rest = ranked[SHOWN_OPERATORS:]
    if rest:
        console.print(f"[dim]and {len(rest)} more, {sum(share for share, _ in rest):.1%} together[/]")
    console.print("[dim]profiling slows every operator: trust the shares, not the times[/]")
    if len(operators.providers) > 1:
        whole = sum(one.ns for one in operators.providers)
        told = (
            f"{one.provider.removesuffix('ExecutionProvider')} {one.nodes} nodes, {one.ns / whole:.0%} of the time"
            for one in operators.providers
        )
        console.print(f"run by: {escape('; '.join(told))}")
    if operators.fallback_ops:
        console.print(f"* outside the fast path: {escape(', '.join(operators.fallback_ops))}")


def _time(ns: float) -> str:
    if ns < 1e6:
        return f"{ns / 1e3:.3g} µs"
    return f"{ns / 1e6:.3g} ms" if ns < 1e9 else f"{ns / 1e9:.3g} s"


def _bytes(count: int) -> str:
    return f"{count / 1e3:.3g} kB" if count < 1e6 else f"{count / 1e6:.3g} MB"
