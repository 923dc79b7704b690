"""Ways to reach a device. Each public file of this folder is one, by its name in a profile's `transport.kind`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Protocol, cast

from l0gm_edge.core import plugins
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.told import PlainText
from l0gm_edge.core.value import Value
from l0gm_edge.devices import _alone
from l0gm_edge.devices._alone import patience, patience_s

__all__ = ["CommandResult", "Device", "Outcome", "Transport", "opened", "patience", "patience_s", "plugin"]


class Outcome(StrEnum):
    """How a command on a device ended; only OK can pass."""

    OK = "ok"
    COMMAND_FAILED = "command failed"
    TIMEOUT = "timeout"
    TRANSPORT_LOST = "transport lost"


class CommandResult(Value):
    """A command's outcome, exit status (null when it never reported one) and captured text, safe to show."""

    outcome: Outcome
    status: int | None
    stdout: PlainText
    stderr: PlainText


class Device(Protocol):
    """An open connection. Paths on the device are relative to a work folder of ours."""

    def put(self, local: Path, remote: str) -> None:
        """Copy a file to the device."""

    def get(self, remote: str, local: Path) -> None:
        """Copy a file back."""

    def run(self, command: Sequence[str], timeout_s: float) -> CommandResult:
        """Run a command (a list, never a shell string) in the work folder."""

    def stream(self, command: Sequence[str], timeout_s: float, told: Callable[[str], object]) -> CommandResult:
        """`run`, with each line of its output told while it comes, once and safe to show."""

    def python(self) -> str:
        """The device's Python interpreter."""

    def reserve(self, name: str, wait_s: float) -> None:
        """Have the device for this connection alone until it ends; `name` is what messages call it.

        Raises DeviceFailed when another still uses it after so many seconds.
        """


class Transport(Protocol):
    """What a file of this folder defines."""

    def connect(self, profile: HardwareProfile) -> AbstractContextManager[Device]:
        """Open a connection; its work folder is removed when the context ends. Raises DeviceFailed."""


@contextmanager
def opened(profile: HardwareProfile) -> Iterator[Device]:
    """A profile's device, for this caller alone until the context ends: what measures, or builds engines, opens it so.

    While another uses it, it is waited for as `patience` says, an hour by default. Raises DeviceFailed.
    """
    with (
        plugin(profile.transport.kind).connect(profile) as device,
        _alone.once(profile.transport, lambda wait_s: device.reserve(profile.name, wait_s)),
    ):
        yield device


def plugin(name: str) -> Transport:
    """The transport of this name. Raises RecipeError when there is none."""
    return cast(Transport, plugins.load(__name__, name))
