"""What a device said, before and after."""

from __future__ import annotations

from profiles import state

from l0gm_edge.report.device_state import state_rows


def test_what_was_told_once_is_shown_and_what_never_was_is_not() -> None:
    before = state(governor="powersave", rails_mw={"VDD_IN": 4200.0})
    after = state(temperatures_c={"cpu": 61.5}, throttled=("power cap",))
    rows = {row.name: (row.before, row.after) for row in state_rows(before.conditions, after.conditions)}
    assert rows["frequency governor"] == ("powersave", "")
    assert rows["power, VDD_IN"] == ("4,200\xa0mW", "")
    assert rows["cpu"] == ("", "61.5\xa0°C")
    assert rows["held back"] == ("", "power cap")
    assert "clock" not in rows
