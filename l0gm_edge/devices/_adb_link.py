"""Shell scripts run on an Android device through the `adb` client, and a device that went away waited for.

The client's own exit status cannot be trusted: a lost device and a failed command look alike. Each script therefore
ends with a line of its own on standard error, which holds a token of this call and the status.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, TypeVar

from l0gm_edge.core.errors import DeviceFailed, RecipeError
from l0gm_edge.core.hardware import Transport
from l0gm_edge.devices import _adb_client as client
from l0gm_edge.devices import _remote_scripts as scripts
from l0gm_edge.devices._link import CHUNK_BYTES, LONGEST_TEXT, LOSSES, Said, Silence, TransportLost

T = TypeVar("T")

FOLDER = "/data/local/tmp/l0gm-edge"
MARK_BYTES = 100


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
        self._serial, self._reconnect_s = transport.address, transport.reconnect_s
        self._adb = client.command(transport.port)

    @property
    def where(self) -> str:
        """The device's serial number."""
        return self._serial

    async def persistently(self, work: Callable[[], Awaitable[T]], patience_s: float | None = None) -> T:
        """Do a piece of work, from its beginning again whenever the device is lost.

        Raises DeviceFailed, and TransportLost when the device stays away for `patience_s` (`reconnect_s` by default).
        """
        for _ in range(LOSSES):
            await self._present(self._reconnect_s if patience_s is None else patience_s)
            with suppress(Silence):
                return await work()
        raise TransportLost(f"the connection was lost {LOSSES} times", where=self.where)

    async def shell(
        self,
        script: str,
        *arguments: str,
        source: Path | None = None,
        sink: IO[bytes] | None = None,
        most_bytes: int = LONGEST_TEXT,
        timeout_s: float | None = None,
    ) -> Said:
        """Run a script on the device; a file may be its input, a stream take its output.

        Raises DeviceFailed for an output of more than `most_bytes`, and TransportLost after `timeout_s` seconds.
        """
        token = secrets.token_hex(8)
        line = f"mkdir -p {FOLDER} && cd {FOLDER} && {scripts.command(script, *arguments)}; echo {token} $? >&2"
        command = [*self._adb, "-s", self._serial, "shell", "-T", line]
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
        told, found, status = stderr.getvalue().rpartition(f"{token} ".encode())
        if not found or not status.strip().isdigit():
            raise Silence
        return Said(int(status), stdout.getvalue() if isinstance(stdout, BytesIO) else b"", told)

    async def close(self) -> None:
        """Nothing is held open: the server of adb belongs to the user."""

    async def _talk(
        self, command: list[str], given: IO[bytes] | None, stdout: IO[bytes], stderr: IO[bytes], most_bytes: int
    ) -> None:
        process = await asyncio.create_subprocess_exec(*command, stdin=given or DEVNULL, stdout=PIPE, stderr=PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            await asyncio.gather(
                self._read(process.stdout, stdout, most_bytes),
                self._read(process.stderr, stderr, LONGEST_TEXT + MARK_BYTES),
            )
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _read(self, reader: asyncio.StreamReader, sink: IO[bytes], most_bytes: int) -> None:
        read = 0
        while chunk := await reader.read(CHUNK_BYTES):
            read += len(chunk)
            if read > most_bytes:
                raise DeviceFailed(f"the device sends more than {most_bytes:,} bytes", where=self.where)
            sink.write(chunk)

    async def _present(self, patience_s: float) -> None:
        """Make sure of the device: the first time at once, a lost one within so many seconds."""
        deadline, pause_s = time.monotonic() + patience_s, 0.1
        while True:
            try:
                await client.find(self._adb, self._serial)
            except DeviceFailed as error:
                if not self.reached:
                    raise
                if time.monotonic() + pause_s > deadline:
                    raise TransportLost(f"the connection was lost: {error.what}", where=self.where) from error
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, 5.0)
            else:
                self.reached = True
                return
