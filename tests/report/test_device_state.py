"""What a device said, before and after."""

from __future__ import annotations

from profiles import state

from l0gm_edge.report.device_state import main_rows, state_rows


def test_what_was_told_once_is_shown_and_what_never_was_is_not() -> None:
    before = state(governor="powersave", rails_mw={"VDD_IN": 4200.0}, clocks_locked=False)
    after = state(temperatures_c={"cpu": 61.5}, throttled=("power cap",), clocks_locked=True, fan_pwm=0)
    rows = {row.name: row for row in state_rows(before.conditions, after.conditions)}
    told = {name: (row.before, row.after) for name, row in rows.items()}
    assert told["governor"] == ("powersave", "")
    assert told["clock setting"] == ("may vary", "locked")
    assert told["fan"] == ("", "0 of 255")
    assert told["power, VDD_IN"] == ("4,200\xa0mW", "")
    assert told["cpu"] == ("", "61.5\xa0°C")
    assert told["held back"] == ("no", "power cap")
    assert rows["held back"].change == "no → power cap"
    assert rows["governor"].change == "powersave"
    assert not {"clock", "power mode", "held back since its start"} & set(told)


def test_the_short_form_leaves_out_every_sensor() -> None:
    full = state(temperature_c=50, temperatures_c={"cpu": 61.5}, rails_mw={"VDD_IN": 4200.0}).conditions
    assert [row.name for row in main_rows(full, full)] == ["temperature", "load (1 min)"]
