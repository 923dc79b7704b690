"""Shell scripts run on an Android device through the `adb` client, and a device that went away waited for.

The client's own exit status cannot be trusted: a lost device and a failed command look alike. Each script therefore
ends with a line of its own on standard error, which holds a token of this call and the status.
"""

from __future__ import annotations

import asyncio
import secrets
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, TypeVar

from l0gm_edge.core.errors import DeviceFailed, RecipeError
from l0gm_edge.core.hardware import Transport
from l0gm_edge.core.told import plain
from l0gm_edge.devices import _adb_client as client
from l0gm_edge.devices import _remote_scripts as scripts
from l0gm_edge.devices._link import (
    LONGEST_LINE,
    LONGEST_TEXT,
    LOSSES,
    Away,
    Said,
    Silence,
    Sink,
    TransportLost,
    arrive,
    copy,
    refused,
)

T = TypeVar("T")

FOLDER = "/data/local/tmp/l0gm-edge"
MARK_BYTES = 100


class AdbAttendant:
    """A script on the device that goes on as long as its client; conforms to `_link.Attendant`."""

    def __init__(self, process: asyncio.subprocess.Process, token: str) -> None:
        self._process, self._token = process, token

    async def line(self, timeout_s: float) -> str:
        """Its next line; "" when it says none within so many seconds. Raises Silence when the device is gone, and
        DeviceFailed when the script ended by itself."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        try:
            said = await asyncio.wait_for(self._process.stdout.readline(), timeout_s)
        except TimeoutError:
            return ""
        if said:
            return plain(said.decode(errors="replace")).strip()
        told, status = _ending(await self._process.stderr.read(LONGEST_LINE), self._token)
        raise refused(plain(told.decode(errors="replace")).strip(), status)

    @property
    def ended(self) -> bool:
        """Whether its client has ended."""
        return self._process.returncode is not None

    async def end(self) -> None:
        """End the client, and with it the script."""
        _kill(self._process)
        await self._process.wait()


class AdbLink:
    """A way to one device, by its serial; conforms to `_link.Link`."""

    def __init__(self, transport: Transport) -> None:
        if transport.address is None:
            raise RecipeError(
                "transport.address: not given, and a device over ADB is always named by its serial number",
                allowed="a serial that `adb devices` lists",
                todo="l0gm-edge hardware probe --adb SERIAL --write my-phone.yaml makes a profile that has one",
            )
        self.reached = False
        self.returning: Callable[[], Awaitable[object]] | None = None
        self._serial, self._transport = transport.address, transport
        self._attendants: list[AdbAttendant] = []
        self._lost = False
        self._adb = client.command(transport.port)

    @property
    def reconnect_s(self) -> float:
        """How long a lost device is waited for."""
        return self._transport.reconnect_s

    @property
    def where(self) -> str:
        """The device's serial number."""
        return self._serial

    async def persistently(self, work: Callable[[], Awaitable[T]], patience_s: float | None = None) -> T:
        """Do a piece of work, from its beginning again whenever the device is lost.

        Raises DeviceFailed, and TransportLost when the device stays away for `patience_s` (`reconnect_s` by default).
        """
        for _ in range(LOSSES):
            try:
                await arrive(self._present, self, self.reconnect_s if patience_s is None else patience_s)
                await self._returned()
                return await work()
            except Silence:
                await self.close()
        raise TransportLost(f"the connection was lost {LOSSES} times", where=self.where)

    async def shell(
        self,
        script: str,
        *arguments: str,
        source: Path | None = None,
        sink: Sink | None = None,
        most_bytes: int = LONGEST_TEXT,
        timeout_s: float | None = None,
    ) -> Said:
        """Run a script on the device; a file may be its input, a stream take its output.

        Raises DeviceFailed for an output of more than `most_bytes`, and TransportLost after `timeout_s` seconds.
        """
        token = secrets.token_hex(8)
        command = self._command(token, script, *arguments)
        stdout, stderr = sink or BytesIO(), BytesIO()
        given = source.open("rb") if source else None
        try:
            async with asyncio.timeout(timeout_s):
                await self._talk(command, given, stdout, stderr, most_bytes)
        except TimeoutError as error:
            raise TransportLost("the device does not answer", where=self.where) from error
        finally:
            if given is not None:
                given.close()
        told, status = _ending(stderr.getvalue(), token)
        return Said(status, stdout.getvalue() if isinstance(stdout, BytesIO) else b"", told)

    async def attend(self, script: str, *arguments: str) -> AdbAttendant:
        """Start a script, inside of `persistently`, that goes on until its client ends."""
        token = secrets.token_hex(8)
        command = self._command(token, script, *arguments)
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        found = AdbAttendant(process, token)
        self._attendants.append(found)
        return found

    async def close(self) -> None:
        """End what attends; the server of adb belongs to the user and stays."""
        attendants, self._attendants = self._attendants, []
        self._lost = self._lost or bool(attendants)
        for one in attendants:
            await one.end()

    def _command(self, token: str, script: str, *arguments: str) -> list[str]:
        line = f"mkdir -p {FOLDER} && cd {FOLDER} && {scripts.command(script, *arguments)}; echo {token} $? >&2"
        return [*self._adb, "-s", self._serial, "shell", "-T", line]

    async def _talk(
        self, command: list[str], given: IO[bytes] | None, stdout: Sink, stderr: Sink, most_bytes: int
    ) -> None:
        process = await asyncio.create_subprocess_exec(*command, stdin=given or DEVNULL, stdout=PIPE, stderr=PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            await asyncio.gather(
                copy(process.stdout, stdout, most_bytes, self),
                copy(process.stderr, stderr, LONGEST_TEXT + MARK_BYTES, self),
            )
        except BaseException:
            _kill(process)
            raise
        finally:
            await process.wait()

    async def _returned(self) -> None:
        """After a loss, also one that nothing but what attends has noticed."""
        if any(one.ended for one in self._attendants):
            await self.close()
        if self._lost and self.returning is not None:
            await self.returning()
            self._lost = False

    async def _present(self) -> None:
        """Make sure of the device. Raises Away where it is not there."""
        try:
            await client.find(self._adb, self._serial)
        except DeviceFailed as error:
            raise Away(error.what, error) from error
        self.reached = True


def _kill(process: asyncio.subprocess.Process) -> None:
    """End a client, and never one that has ended: asyncio would not learn of its status."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()


def _ending(stderr: bytes, token: str) -> tuple[bytes, int]:
    """What a script wrote on standard error, and its exit status. Raises Silence where it left none."""
    told, found, status = stderr.rpartition(f"{token} ".encode())
    if not found or not status.strip().isdigit():
        raise Silence
    return told, int(status)
