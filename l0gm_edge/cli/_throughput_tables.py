"""Throughput, and numbers of threads side by side, as tables."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from l0gm_edge.cli._profile_words import time
from l0gm_edge.core.profiled import OfflineProfile, ThreadProfile
from l0gm_edge.report import energy

BAR_WIDTH = 20


def show_offline(found: OfflineProfile, console: Console) -> None:
    """Print samples a second."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("")
    table.add_column("", justify="right", style="bold")
    table.add_column("", style="dim")
    spread = f"{found.slowest:.4g} to {found.fastest:.4g} in {len(found.runs)} processes"
    table.add_row("samples a second", f"{found.samples_per_second:.4g}", spread)
    seconds = sum(one.elapsed_ns for one in found.runs) / 1e9
    samples = sum(one.samples for one in found.runs)
    table.add_row("samples", f"{samples:,}", f"in batches of {found.batch}, all at once, over {seconds:.1f} s")
    table.add_row("energy", *map(escape, energy.told(found.energy)))
    console.print(table)


def show_threads(found: ThreadProfile, console: Console) -> None:
    """Print a row for each number of threads."""
    table = Table(box=None, pad_edge=False)
    table.add_column("threads", justify="right", style="bold")
    for one in found.rows[0].percentiles:
        table.add_column(f"p{one.q}", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("95 % interval", style="dim")
    table.add_column("")
    widest = max(row.ratio or 0.0 for row in found.rows)
    for row in found.rows:
        figures = ["-" if one.value_ns is None else time(one.value_ns) for one in row.percentiles]
        ratio = "-" if row.ratio is None else f"{row.ratio:.3f}"
        interval = "needs 10 pairs of blocks" if row.interval is None else "{:.3f} to {:.3f}".format(*row.interval)
        bar = "█" * round((row.ratio or 0.0) / widest * BAR_WIDTH) if widest else ""
        table.add_row(str(row.threads), *figures, ratio, "" if row is found.rows[0] else interval, f"[cyan]{bar}[/]")
    console.print(table)
    console.print("[dim]a ratio is to the first row's latency, of blocks timed side by side[/]")
