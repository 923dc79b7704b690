"""Figures of a profile in words: times, sizes, and a device's conditions before and after."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from l0gm_edge.core.measurement import Conditions
from l0gm_edge.report.device_state import main_rows

BLOCKS = "▁▂▃▄▅▆▇█"


def time(ns: float) -> str:
    """Nanoseconds with three digits."""
    if ns < 1e6:
        return f"{ns / 1e3:.3g} µs"
    return f"{ns / 1e6:.3g} ms" if ns < 1e9 else f"{ns / 1e9:.3g} s"


def size(count: int) -> str:
    """Bytes with three digits."""
    return f"{count / 1e3:.3g} kB" if count < 1e6 else f"{count / 1e6:.3g} MB"


def conditions(before: Conditions, after: Conditions) -> Table:
    """What the device told of itself before and after; what it did not tell is left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(style="dim")
    for row in main_rows(before, after):
        table.add_row(row.name, escape(row.change))
    return table


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Values as a line of blocks between their least and their most, means of neighbours where there are too many.

    A gap where nothing is known; a level line where they are all alike.
    """
    count = min(width, len(values))
    groups = [values[len(values) * k // count : len(values) * (k + 1) // count] for k in range(count)]
    means = [_mean([one for one in group if one is not None]) for group in groups]
    known = [one for one in means if one is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    top = len(BLOCKS) - 1
    return "".join(
        " " if one is None else BLOCKS[round((one - low) / (high - low) * top) if high > low else top // 2]
        for one in means
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
