"""What a way to a remote device does, whichever it is: shell scripts run over it, again when it was lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

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


class Away(Exception):
    """A device that does not answer now: why, and what is raised for one that never did."""

    def __init__(self, told: str, failed: DeviceFailed) -> None:
        self.told, self.failed = told, failed


class Said(NamedTuple):
    """How a script ended: its exit status, and what it wrote."""

    status: int
    stdout: bytes
    stderr: bytes

    def last_line(self) -> str:
        """The last line of its errors, safe to show."""
        lines = plain(self.stderr.decode(errors="replace")).strip().splitlines()
        return lines[-1].strip() if lines else f"status {self.status}"


class Reader(Protocol):
    """Where a script's output comes from."""

    async def read(self, n: int) -> bytes:
        """At most so many bytes; none at the end."""


class Sink(Protocol):
    """Where a script's output goes."""

    def write(self, data: bytes, /) -> object:
        """Take some bytes."""


class Attendant(Protocol):
    """A script on the device that goes on as long as its connection."""

    async def line(self, timeout_s: float) -> str:
        """Its next line; "" when it says none within so many seconds. Raises Silence when the connection is gone, and
        DeviceFailed when it ended by itself."""


async def arrive(attempt: Callable[[], Awaitable[None]], link: Link, patience_s: float) -> None:
    """Reach a device, which says that it is away by raising Away: the first time at once, a lost one within so many
    seconds. Raises DeviceFailed, and TransportLost for a lost one that stays away."""
    deadline, pause_s = time.monotonic() + patience_s, 0.1
    while True:
        try:
            return await attempt()
        except Away as away:
            if not link.reached:
                raise away.failed from away
            if time.monotonic() + pause_s > deadline:
                raise TransportLost(f"the connection was lost: {away.told}", where=link.where) from away
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 5.0)


async def copy(reader: Reader, sink: Sink, most_bytes: int, link: Link) -> None:
    """Everything that a reader gives, into a stream. Raises DeviceFailed for more than `most_bytes`."""
    read = 0
    while chunk := await reader.read(CHUNK_BYTES):
        read += len(chunk)
        if read > most_bytes:
            raise DeviceFailed(f"the device sends more than {most_bytes:,} bytes", where=link.where)
        sink.write(chunk)


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
        sink: Sink | None = None,
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
