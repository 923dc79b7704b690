"""The state of a device that has a shell and no Python."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from fake_device import FakeDevice

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.devices import CommandResult, Outcome
from l0gm_edge.measure.native import state

TOLD = """\
time 2026-01-01T12:00:00Z
processor Tensor G3
cores 9
memory_kb 11681832
system Linux 5.15.137-android14 google/shiba/shiba:14
load 1.25
governor sched_pixel
clock_khz 1704000
clock_khz 2914000
millidegrees 41200
millidegrees 0
millidegrees 999999999
tool dumpsys
"""
THERMAL = """\
Thermal Status: 2
Current temperatures from HAL:
	Temperature{mValue=38.5, mType=3, mName=skin, mStatus=0}
Current cooling devices from HAL:
"""


def says(stdout: str, outcome: Outcome = Outcome.OK) -> CommandResult:
    return CommandResult(outcome=outcome, status=0, stdout=stdout, stderr="")


def test_a_phone_tells_what_its_shell_and_its_own_tools_know(device: FakeDevice) -> None:
    asked: list[Sequence[str]] = []

    def answer(command: Sequence[str]) -> CommandResult:
        asked.append(command)
        return says(THERMAL if list(command) == ["thermalservice"] else TOLD)

    device.answer = answer
    found = state.read(device)
    assert found.machine == {
        "processor": "Tensor G3",
        "cores": "9",
        "memory_mb": "11408",
        "system": "Linux 5.15.137-android14 google/shiba/shiba:14",
    }
    told = found.conditions
    assert (told.load_1m, told.governor, told.frequency_mhz, told.temperature_c) == (1.25, "sched_pixel", 2309.0, 41.2)
    assert (told.temperatures_c, told.throttled) == ({"skin": 38.5}, ("thermal status moderate",))
    assert len(asked) == 2


def test_this_machine_answers_too(device: FakeDevice) -> None:
    found = state.read(device)
    assert found.machine["cores"] == str(os.cpu_count())
    assert int(found.machine["memory_mb"]) > 100
    assert found.conditions.load_1m is not None
    assert found.conditions.time.startswith("20")


@pytest.mark.parametrize(
    "text", ["", "time\nload x\ncores -3\nload nan\n", "\ufffd[31m" * 5000, "clock_khz 1e999\n" * 9]
)
def test_what_makes_no_sense_is_not_told(device: FakeDevice, text: str) -> None:
    device.answer = lambda _: says(text)
    told = state.read(device)
    assert (told.machine["processor"], told.machine["cores"]) == ("unknown", "1")
    assert (told.conditions.load_1m, told.conditions.frequency_mhz, told.conditions.temperature_c) == (None, None, None)


def test_a_device_that_does_not_answer_is_told(device: FakeDevice) -> None:
    device.answer = lambda _: says("", Outcome.TRANSPORT_LOST)
    with pytest.raises(DeviceFailed, match="does not tell its state: transport lost"):
        state.read(device)
