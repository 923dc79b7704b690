"""A fleet as a table for a person."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from l0gm_edge.core.fleet import Fleet
from l0gm_edge.core.verdict import Status
from l0gm_edge.report.fleet_lines import Line, columns, lines

COLOURS = {Status.PASS: "green", Status.FAIL: "red", Status.INCONCLUSIVE: "yellow"}


def show(found: Fleet, console: Console | None = None) -> None:
    """Print what became of each device, model after model, and why where something was wrong."""
    console = console or Console(highlight=False)
    told = lines(found)
    for subject in dict.fromkeys(line.subject for line in told):
        console.print(f"[bold]{escape(subject)}[/]")
        console.print(_table([line for line in told if line.subject == subject], columns(found)))
        console.print()
    for line in told:
        if line.why:
            console.print(f"{_happened(line)} {escape(line.hardware)}, {escape(line.subject)}: {escape(line.why)}")


def _table(told: Sequence[Line], titles: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("device")
    table.add_column("")
    for title in titles:
        table.add_column(title, justify="right")
    for line in told:
        table.add_row(escape(line.hardware), _happened(line), *map(escape, line.figures))
    return table


def _happened(line: Line) -> str:
    return f"[{COLOURS[line.status]}]{escape(line.happened)}[/]" + (" [dim]kept[/]" if line.reused else "")
