"""A long run as sparklines: latency, temperature and clock over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from l0gm_edge.cli._profile_words import sparkline, time
from l0gm_edge.core import duration
from l0gm_edge.core.profiled import SustainedProfile
from l0gm_edge.report.profile_sustained import change, rest

WIDTH = 60
NARROWEST = 10
BESIDE = 50
"""Characters of the other columns."""


def show_sustained(found: SustainedProfile, console: Console) -> None:
    """Print the lines, and what they come to."""
    width = max(NARROWEST, min(WIDTH, console.width - BESIDE))
    last = found.points[-1].seconds
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column(f"0 to {duration.told(last)}", no_wrap=True)
    for name in ("first", "least", "most", "last"):
        table.add_column(name, justify="right", no_wrap=True)
    rows: list[tuple[str, Sequence[float | None], Callable[[float], str]]] = [
        ("p50", [one.p50_ns for one in found.points], time),
        ("p90", [one.p90_ns for one in found.points], time),
        ("temperature", [one.temperature_c for one in found.points], lambda value: f"{value:.0f} °C"),
        ("clock", [one.frequency_mhz for one in found.points], lambda value: f"{value:.0f} MHz"),
    ]
    for name, values, told in rows:
        known = [one for one in values if one is not None]
        if known:
            figures = (known[0], min(known), max(known), known[-1])
            table.add_row(name, f"[cyan]{sparkline(values, width)}[/]", *map(told, figures))
        else:
            table.add_row(name, "[dim]not told by this device[/]")
    slowed = [one for one in found.points if one.held_back]
    if slowed:
        marks = sparkline([1.0 if one.held_back else 0.0 for one in found.points], width)
        table.add_row("held back", f"[red]{marks}[/]" if len(slowed) < len(found.points) else "[red]all the time[/]")
    console.print(table)
    console.print(f"{found.runs:,} runs without a pause; {rest(found)} (within 5 %); {change(found)}")
