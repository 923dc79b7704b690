"""A device as its profile wants it while it is measured, and as it was before when that ends, however it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile, Preparing
from l0gm_edge.core.value import Value
from l0gm_edge.devices import CommandResult, Device, Outcome

TIMEOUT_S = 120.0
IDLE_S = 60.0
"""How long the device waits for us between two commands, beyond the time in which a lost connection is made again."""


class _Held(Value):
    """The device's answer: which settings it had otherwise."""

    changed: tuple[str, ...]


class PreparedDevice:
    """A device whose commands run on certain cores, and under settings that are held; conforms to `devices.Device`."""

    def __init__(self, device: Device, cores: Sequence[int], *, held: bool) -> None:
        self._device = device
        self._about = json.dumps({"cores": list(cores), "held": held})

    def put(self, local: Path, remote: str) -> None:
        """Copy a file to the device."""
        self._device.put(local, remote)

    def get(self, remote: str, local: Path) -> None:
        """Copy a file back."""
        self._device.get(remote, local)

    def run(self, command: Sequence[str], timeout_s: float) -> CommandResult:
        """Run a command on the cores, under the settings; refused on the device when these are no longer held."""
        return self._device.run([self.python(), "settings.py", "run", self._about, *command], timeout_s)

    def stream(self, command: Sequence[str], timeout_s: float, told: Callable[[str], object]) -> CommandResult:
        """`run`, with each line of its output told while it comes."""
        return self._device.stream([self.python(), "settings.py", "run", self._about, *command], timeout_s, told)

    def python(self) -> str:
        """The device's Python interpreter."""
        return self._device.python()

    def reserve(self, name: str, wait_s: float) -> None:
        """Have the device alone; whoever prepares it has it already."""
        self._device.reserve(name, wait_s)


@contextmanager
def held(device: Device, hardware: HardwareProfile) -> Iterator[Device]:
    """The device with the profile's settings, given back at the end; the agent's programs lie there already.

    Only what `conditions: set` allows is set. The device gives back by itself when it does not hear from us for long.
    Raises DeviceFailed when something cannot be set, or given back.
    """
    if hardware.conditions is not Preparing.SET:
        yield PreparedDevice(device, hardware.affinity, held=False) if hardware.affinity else device
        return
    idle_s = IDLE_S + hardware.transport.reconnect_s
    wanted = json.dumps({**hardware.wanted, "idle_s": idle_s})
    said = _ask(device, "cannot set what the profile asks for", "hold", wanted)
    try:
        changed = bool(_Held.model_validate_json(said).changed)
    except ValidationError as error:
        raise DeviceFailed("the device's account of its settings makes no sense", where=said[:200]) from error
    try:
        yield PreparedDevice(device, hardware.affinity, held=changed) if changed or hardware.affinity else device
    except BaseException:
        with suppress(DeviceFailed):  # what went wrong first is what is told
            _give_back(device)
        raise
    _give_back(device)


def _give_back(device: Device) -> None:
    _ask(device, "the device does not have its own settings back", "release")


def _ask(device: Device, failing: str, *asked: str) -> str:
    ended = device.run([device.python(), "settings.py", *asked], TIMEOUT_S)
    if ended.outcome is not Outcome.OK:
        told = ended.stderr.strip().splitlines() or [f"{ended.outcome}"]
        raise DeviceFailed(f"{failing}: {told[-1]}", todo="docs/profiling.md tells what it takes")
    return ended.stdout
