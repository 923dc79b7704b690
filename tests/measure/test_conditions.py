"""The device's account of itself, and the warnings drawn from it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_device import FakeDevice

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Conditions
from l0gm_edge.core.profiled import State
from l0gm_edge.devices import CommandResult, Outcome
from l0gm_edge.measure import conditions, job


def state(**told: object) -> State:
    return State(machine={"cores": "4"}, conditions=Conditions.model_validate({"time": "2026-01-01T00:00:00Z"} | told))


def test_this_machine_answers(device: FakeDevice) -> None:
    job.put_programs(device)
    found = conditions.read(device)
    assert int(found.machine["cores"]) >= 1
    assert found.conditions.load_1m is None or found.conditions.load_1m >= 0


@pytest.mark.parametrize("said", ["", "{}", '{"machine": {}, "conditions": {"time": "x", "load_1m": -1}}'])
def test_an_account_that_makes_no_sense_is_a_device_failure(device: FakeDevice, said: str) -> None:
    device.answer = lambda _: CommandResult(outcome=Outcome.OK, status=0, stdout=said, stderr="")
    with pytest.raises(DeviceFailed, match="makes no sense"):
        conditions.read(device)


def test_no_answer_is_a_device_failure(device: FakeDevice) -> None:
    with pytest.raises(DeviceFailed, match="does not tell its state"):  # the program was never put there
        conditions.read(device)


@pytest.mark.parametrize(
    ("profile", "before", "after", "expected"),
    [
        ({}, {"load_1m": 3.0}, {}, "busy before timing began: load 3.0 on 4 cores"),
        (
            {"governor": "performance"},
            {"governor": "powersave"},
            {"governor": "powersave"},
            "is powersave; the profile asks for performance",
        ),
        ({}, {"governor": "performance"}, {"governor": "powersave"}, "governor changed from performance to powersave"),
        ({}, {"power_mode": "MAXN"}, {"power_mode": "15W"}, "the power mode changed from MAXN to 15W"),
        ({"power_mode": "MAXN"}, {"power_mode": "15W"}, {"power_mode": "15W"}, "is 15W; the profile asks for MAXN"),
        ({}, {"frequency_mhz": 1500.0}, {"frequency_mhz": 900.0}, "the clock fell from 1500 to 900 MHz"),
        ({"max_temperature_c": 70}, {"temperature_c": 40.0}, {"temperature_c": 81.0}, "was at 81 °C, above"),
    ],
)
def test_each_disturbance_is_told_in_words(
    hardware: HardwareProfile,
    profile: dict[str, object],
    before: dict[str, object],
    after: dict[str, object],
    expected: str,
) -> None:
    (told,) = conditions.warnings(state(**before), state(**after), hardware.model_copy(update=profile))
    assert expected in told


def test_the_device_s_own_tools_are_believed(
    device: FakeDevice, hardware: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power mode from nvpmodel, and a throttled processor from vcgencmd, as if this were such a board."""
    for name, said in (("nvpmodel", "NV Power Mode: MAXN"), ("vcgencmd", "throttled=0x4")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{said}'\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    job.put_programs(device)
    found = conditions.read(device)
    assert (found.conditions.power_mode, found.conditions.throttled) == ("MAXN", ("throttled",))
    told = conditions.changes(found, found, hardware.model_copy(update={"power_mode": "15W"}))
    assert told == (
        "the power mode is MAXN; the profile asks for 15W",
        "the device says that it is held back: throttled",
    )


def test_a_calm_or_silent_device_is_not_held_against_anyone(hardware: HardwareProfile) -> None:
    strict = hardware.model_copy(update={"governor": "performance", "max_temperature_c": 70})
    calm = {"load_1m": 0.1, "governor": "performance", "frequency_mhz": 1500.0, "temperature_c": 50.0}
    assert conditions.warnings(state(), state(), strict) == ()
    assert conditions.warnings(state(governor="performance", power_mode="MAXN"), state(), strict) == ()
    assert conditions.warnings(state(**calm), state(**calm | {"frequency_mhz": 1490.0}), strict) == ()
