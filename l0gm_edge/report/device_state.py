"""What a device said of itself before and after it measured, as rows of a table."""

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

    @property
    def change(self) -> str:
        """Both in one: `41.0 °C → 55.0 °C`, or what stayed the same."""
        return " → ".join(dict.fromkeys(one for one in (self.before, self.after) if one))


def state_rows(before: Conditions, after: Conditions) -> tuple[StateRow, ...]:
    """Everything that was told at least once; the time is always."""
    return (
        StateRow("time", before.time, after.time),
        *main_rows(before, after),
        *_named(before.temperatures_c, after.temperatures_c, "{}", "°C"),
        *_named(before.rails_mw, after.rails_mw, "power, {}", "mW"),
    )


def main_rows(before: Conditions, after: Conditions) -> tuple[StateRow, ...]:
    """Its settings, and what tells of heat and of other work: what was told at least once."""
    told: dict[str, Callable[[Conditions], str]] = {
        "power mode": lambda one: one.power_mode or "",
        "governor": lambda one: one.governor or "",
        "clock setting": lambda one: "" if one.clocks_locked is None else "locked" if one.clocks_locked else "may vary",
        "clock": lambda one: _quantity(one.frequency_mhz, "MHz"),
        "fan": lambda one: "" if one.fan_pwm is None else f"{one.fan_pwm} of 255",
        "temperature": lambda one: _quantity(one.temperature_c, "°C"),
        "load (1 min)": lambda one: _quantity(one.load_1m),
    }
    rows = [StateRow(name, read(before), read(after)) for name, read in told.items()]
    reasons: dict[str, Callable[[Conditions], tuple[str, ...]]] = {
        "held back": lambda one: one.throttled,
        "held back since its start": lambda one: one.throttled_since_boot,
    }
    for name, why in reasons.items():
        if why(before) or why(after):
            rows.append(StateRow(name, ", ".join(why(before)) or "no", ", ".join(why(after)) or "no"))
    return tuple(row for row in rows if row.before or row.after)


def _named(before: dict[str, float], after: dict[str, float], name: str, unit: str) -> list[StateRow]:
    return [
        StateRow(name.format(one), _quantity(before.get(one), unit), _quantity(after.get(one), unit))
        for one in dict.fromkeys((*before, *after))
    ]


def _quantity(value: float | None, unit: str = "") -> str:
    return "" if value is None else wording.quantity(value, unit)
