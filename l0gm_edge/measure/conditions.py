"""The device's own account of what it is and in which state, and what in it should make a reader careful."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import Field, ValidationError

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Conditions, HeldBack
from l0gm_edge.core.profiled import State
from l0gm_edge.core.steady import disturbances
from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value
from l0gm_edge.devices import Device, Outcome
from l0gm_edge.measure import telemetry
from l0gm_edge.measure.job import why
from l0gm_edge.measure.telemetry import Telemetry

TIMEOUT_S = 60.0
BUSY_LOAD_PER_CORE = 0.5
CLOCK_DROP = 0.1


class _Told(Value):
    """The program's answer: `answers` are those of the device's own tools, by the names of their readers."""

    machine: dict[Told, Told]
    conditions: Conditions
    answers: dict[str, str] = Field(default_factory=dict)


def read(device: Device) -> State:
    """Ask the device. Raises DeviceFailed when it does not answer."""
    readers = {name: telemetry.plugin(name) for name in telemetry.names()}
    tools = {name: (reader.COMMAND, reader.STREAMS) for name, reader in readers.items()}
    ended = device.run([device.python(), "conditions.py", json.dumps(tools)], TIMEOUT_S)
    if ended.outcome is not Outcome.OK:
        raise DeviceFailed(f"the device does not tell its state: {why(ended)}")
    try:
        told = _Told.model_validate_json(ended.stdout)
    except ValidationError as error:
        raise DeviceFailed("the device's account of its state makes no sense", where=ended.stdout[:200]) from error
    return State(machine=told.machine, conditions=with_tools(told.conditions, telemetry.merged(told.answers)))


def with_tools(plain: Conditions, told: Telemetry) -> Conditions:
    """What the system's files tell, and beyond that what tools tell."""
    hottest = max(told.temperatures_c.values(), default=None)
    return plain.model_copy(
        update={
            "governor": plain.governor or next(iter(told.governors), None),
            "frequency_mhz": plain.frequency_mhz or told.clocks_mhz.get("cpu"),
            "temperature_c": plain.temperature_c if plain.temperature_c is not None else hottest,
            "power_mode": plain.power_mode or told.power_mode,
            "temperatures_c": told.temperatures_c,
            "rails_mw": told.rails_mw,
            "throttled": tuple(sorted({*plain.throttled, *told.throttled})),
            "throttled_since_boot": told.throttled_since_boot,
        }
    )


def warnings(
    before: State, after: State, profile: HardwareProfile, held_back: Sequence[HeldBack] = ()
) -> tuple[str, ...]:
    """What may have disturbed the timing, as sentences; what a device does not tell is not held against it."""
    was, became = before.conditions, after.conditions
    cores = int(before.machine.get("cores", "1"))
    told = []
    if was.load_1m is not None and was.load_1m > BUSY_LOAD_PER_CORE * cores:
        told.append(f"the machine was busy before timing began: load {was.load_1m:.1f} on {cores} cores")
    if was.frequency_mhz and became.frequency_mhz and became.frequency_mhz < (1 - CLOCK_DROP) * was.frequency_mhz:
        told.append(f"the clock fell from {was.frequency_mhz:.0f} to {became.frequency_mhz:.0f} MHz")
    return (*told, *changes(before, after, profile, held_back))


def changes(
    before: State, after: State, profile: HardwareProfile, held_back: Sequence[HeldBack] = ()
) -> tuple[str, ...]:
    """What makes the device another than the one that the profile describes, or another than before, as sentences."""
    return disturbances(before.conditions, after.conditions, profile, held_back)
