"""Figures of a profile in words: times, sizes, energy, and a device's conditions before and after."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from l0gm_edge.core.energy import Energy
from l0gm_edge.core.measurement import Conditions

BLOCKS = "▁▂▃▄▅▆▇█"


def time(ns: float) -> str:
    """Nanoseconds with three digits."""
    if ns < 1e6:
        return f"{ns / 1e3:.3g} µs"
    return f"{ns / 1e6:.3g} ms" if ns < 1e9 else f"{ns / 1e9:.3g} s"


def size(count: int) -> str:
    """Bytes with three digits."""
    return f"{count / 1e3:.3g} kB" if count < 1e6 else f"{count / 1e6:.3g} MB"


def energy(found: Energy) -> tuple[str, str]:
    """Of one inference, and what told it."""
    if found.mj is None:
        return "-", escape(found.unavailable or "")
    rails = ", ".join(found.rails)
    return f"{found.mj:.3g} mJ", escape(f"{(found.mean_mw or 0) / 1e3:.3g} W of {rails} over {found.seconds:.1f} s")


def conditions(before: Conditions, after: Conditions) -> Table:
    """What the device told of itself before and after; what it did not tell is left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(style="dim")
    rows = {
        "power mode": (before.power_mode, after.power_mode),
        "governor": (before.governor, after.governor),
        "clock": (_with("MHz", before.frequency_mhz), _with("MHz", after.frequency_mhz)),
        "clocks": (_locked(before), _locked(after)),
        "fan": (_with("of 255", before.fan_pwm), _with("of 255", after.fan_pwm)),
        "temperature": (_with("°C", before.temperature_c), _with("°C", after.temperature_c)),
        "load": (_load(before), _load(after)),
        "held back": (", ".join(before.throttled) or "no", ", ".join(after.throttled) or "no"),
    }
    for name, (first, last) in rows.items():
        told = [one for one in (first, last) if one is not None]
        if told and (name != "held back" or told != ["no", "no"]):
            table.add_row(name, escape(" → ".join(dict.fromkeys(told))))
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


def _with(unit: str, value: float | None) -> str | None:
    return None if value is None else f"{value:.0f} {unit}"


def _locked(state: Conditions) -> str | None:
    return None if state.clocks_locked is None else "locked" if state.clocks_locked else "may vary"


def _load(state: Conditions) -> str | None:
    return None if state.load_1m is None else f"{state.load_1m:.1f}"
