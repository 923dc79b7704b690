"""What makes a measurement worth nothing."""

from __future__ import annotations

import pytest
from synthetic import hardware

from l0gm_edge.core.measurement import Conditions, HeldBack
from l0gm_edge.core.steady import disturbances

THROTTLED = HeldBack(process=1, round=4, reasons=("cpufreq slows it down",))


def state(**told: object) -> Conditions:
    return Conditions.model_validate({"time": "2026-01-01T00:00:00Z"} | told)


@pytest.mark.parametrize(
    ("profile", "before", "after", "told"),
    [
        ({"clocks": "max"}, {"clocks_locked": True}, {"clocks_locked": False}, "the clocks may vary"),
        ({"fan": 255}, {"fan_pwm": 0}, {"fan_pwm": 0}, "the fan's duty cycle is 0; the profile asks for 255"),
        ({"fan": 255}, {"fan_pwm": 255}, {"fan_pwm": 90}, "the fan's duty cycle changed from 255 to 90"),
        ({"fan": 0}, {"fan_pwm": 0}, {"fan_pwm": 90}, "the fan's duty cycle changed from 0 to 90"),
        ({}, {"throttled": ("soft limit",)}, {}, "held back: soft limit"),
        ({}, {}, {"throttled_since_boot": ("under-voltage",)}, "the device was held back meanwhile: under-voltage"),
        ({"max_temperature_c": 70.0}, {"temperature_c": 90.0}, {"temperature_c": 60.0}, "90 °C, above"),
    ],
)
def test_each_disturbance_is_told(
    profile: dict[str, object], before: dict[str, object], after: dict[str, object], told: str
) -> None:
    (found,) = disturbances(state(**before), state(**after), hardware().model_copy(update=profile))
    assert told in found


def test_rounds_that_were_held_back_are_counted_once() -> None:
    twice = (THROTTLED, THROTTLED.model_copy(update={"round": 5}))
    (told,) = disturbances(state(throttled=("x",)), state(throttled=("x",)), hardware(), twice)
    assert told == "the device was held back in 2 rounds of runs: cpufreq slows it down"


def test_what_nobody_asks_for_may_vary() -> None:
    """A fan that follows the heat, clocks, and what was so since boot."""
    first = state(fan_pwm=20, clocks_locked=False, throttled_since_boot=("under-voltage",))
    last = state(fan_pwm=90, clocks_locked=False, throttled_since_boot=("under-voltage",))
    assert disturbances(first, last, hardware()) == ()
    assert disturbances(state(), state(), hardware().model_copy(update={"clocks": "max", "fan": 3})) == ()
