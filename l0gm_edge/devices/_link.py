"""What a way to a remote device does, whichever it is: shell scripts run over it, again when it was lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, NamedTuple, Protocol, TypeVar

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.told import plain

T = TypeVar("T")

CLOSE_S = 20.0
LOSSES = 20
"""How often a connection may be lost over one piece of work."""
CHUNK_BYTES = 1 << 18
LONGEST_TEXT = 1 << 20
LONGEST_LINE = 2000


class TransportLost(DeviceFailed):
    """The device was reached and then no longer."""


class Silence(Exception):
    """A script ended without an exit status, as it does when the connection goes."""


class Said(NamedTuple):
    """How a script ended: its exit status, and what it wrote."""

    status: int
    stdout: bytes
    stderr: bytes

    def last_line(self) -> str:
        """The last line of its errors, safe to show."""
        lines = plain(self.stderr.decode(errors="replace")).strip().splitlines()
        return lines[-1].strip() if lines else f"status {self.status}"


class Attendant(Protocol):
    """A script on the device that goes on as long as its connection."""

    async def line(self, timeout_s: float) -> str:
        """Its next line; "" when it says none within so many seconds. Raises Silence when the connection is gone, and
        DeviceFailed when it ended by itself."""


def refused(told: str, status: int | None) -> DeviceFailed:
    """What is raised when a script that holds a device ended by itself."""
    return DeviceFailed(f"the device cannot be reserved: {told or f'status {status}'}")


class Link(Protocol):
    """A way to one device, `reached` once it answered; `returning` is done whenever a lost connection is made again.

    What is done over it may be done twice, and must bear that.
    """

    reached: bool
    returning: Callable[[], Awaitable[object]] | None

    @property
    def reconnect_s(self) -> float:
        """How long a lost device is waited for."""

    @property
    def where(self) -> str:
        """The device's address, as a person writes it."""

    async def persistently(self, work: Callable[[], Awaitable[T]], patience_s: float | None = None) -> T:
        """Do a piece of work, from its beginning again whenever the connection is lost.

        Raises DeviceFailed, and TransportLost when the device stays away for `patience_s` (`reconnect_s` by default).
        """

    async def shell(
        self,
        script: str,
        *arguments: str,
        source: Path | None = None,
        sink: IO[bytes] | None = None,
        most_bytes: int = LONGEST_TEXT,
        timeout_s: float | None = None,
    ) -> Said:
        """Run a script on the device, inside of `persistently`; a file may be its input, a stream take its output.

        Raises DeviceFailed for an output of more than `most_bytes`, and TransportLost after `timeout_s` seconds.
        """

    async def attend(self, script: str, *arguments: str) -> Attendant:
        """Start a script, inside of `persistently`, that goes on until the connection ends."""

    async def close(self) -> None:
        """Close the connection, if there is one."""
