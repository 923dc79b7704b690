"""What a device said of itself before and after it measured, as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from l0gm_edge.core.measurement import Conditions
from l0gm_edge.report import wording


@dataclass(frozen=True)
class StateRow:
    """One thing that the device tells, before and after."""

    name: str
    before: str
    after: str


def state_rows(before: Conditions, after: Conditions) -> tuple[StateRow, ...]:
    """What was told at least once; the time is always."""
    plain: dict[str, Callable[[Conditions], str]] = {
        "time": lambda one: one.time,
        "load (1 min)": lambda one: _number(one.load_1m),
        "frequency governor": lambda one: one.governor or "",
        "clock": lambda one: _number(one.frequency_mhz, "MHz"),
        "power mode": lambda one: one.power_mode or "",
        "temperature": lambda one: _number(one.temperature_c, "°C"),
        "held back": lambda one: ", ".join(one.throttled),
    }
    rows = [StateRow(name, told(before), told(after)) for name, told in plain.items()]
    rows += [
        StateRow(name, _number(before.temperatures_c.get(name), "°C"), _number(after.temperatures_c.get(name), "°C"))
        for name in dict.fromkeys((*before.temperatures_c, *after.temperatures_c))
    ]
    rows += [
        StateRow(f"power, {name}", _number(before.rails_mw.get(name), "mW"), _number(after.rails_mw.get(name), "mW"))
        for name in dict.fromkeys((*before.rails_mw, *after.rails_mw))
    ]
    return tuple(row for row in rows if row.before or row.after)


def _number(value: float | None, unit: str = "") -> str:
    return "" if value is None else wording.quantity(value, unit)
