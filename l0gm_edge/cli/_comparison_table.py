"""A comparison as tables for a person."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from l0gm_edge.core.comparison import Comparison, Pair
from l0gm_edge.core.verdict import Status
from l0gm_edge.report.comparison import COLUMNS, open_ones, rows

COLOURS = {Status.PASS: "green", Status.FAIL: "red", Status.INCONCLUSIVE: "yellow"}


def show(found: Comparison, console: Console | None = None) -> None:
    """Print the comparison on standard output."""
    console = console or Console(highlight=False)
    for pair in found.pairs:
        console.print(f"[bold]{escape(pair.candidate.name)}[/] against [bold]{escape(pair.baseline.name)}[/]")
        console.print(_table(pair))
        for one in open_ones(pair):
            console.print(f"[{COLOURS[one.status]}]{one.status}[/] {escape(one.check)}: {escape(one.reason)}")
        console.print()
    for note in found.notes:
        console.print(f"[yellow]careful:[/] {escape(note)}")
    console.print(f"[bold {COLOURS[found.status]}]{found.status}[/] on {escape(found.hardware)}")


def _table(pair: Pair) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, title in enumerate(COLUMNS):
        table.add_column(title, justify="left" if number == 0 else "right", no_wrap=number == 0)
    for verdict, cells in zip(pair.verdicts, rows(pair), strict=True):
        table.add_row(*map(escape, cells[:-1]), f"[{COLOURS[verdict.status]}]{verdict.status}[/]")
    return table
