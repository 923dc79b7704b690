"""A connection over SSH that is made again when it was lost, and shell scripts run over it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import asyncssh

from l0gm_edge.core.errors import DeviceFailed, RecipeError
from l0gm_edge.core.hardware import Transport
from l0gm_edge.core.told import plain
from l0gm_edge.devices import _remote_scripts as scripts
from l0gm_edge.devices._link import (
    CLOSE_S,
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

CONNECT_S = 20.0
MISSED_KEEPALIVES = 3
GONE = (ConnectionError, asyncssh.DisconnectError, asyncssh.ChannelOpenError)
"""What is raised when the connection goes."""


class SshAttendant:
    """A script on the device that goes on as long as its connection; conforms to `_link.Attendant`."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process

    async def line(self, timeout_s: float) -> str:
        """Its next line; "" when it says none within so many seconds. Raises Silence when the connection is gone, and
        DeviceFailed when it ended by itself."""
        try:
            said = await asyncio.wait_for(self._process.stdout.readline(), timeout_s)
        except TimeoutError:
            return ""
        except GONE as error:
            raise Silence from error
        if said:
            return plain(said.decode(errors="replace")).strip()
        await self._process.wait_closed()
        if self._process.returncode is None:
            raise Silence
        told = plain((await self._process.stderr.read(LONGEST_LINE)).decode(errors="replace")).strip()
        raise refused(told, self._process.returncode)


class SshLink:
    """A way to one device over SSH; conforms to `_link.Link`."""

    def __init__(self, transport: Transport) -> None:
        if transport.address is None:
            raise RecipeError(
                "transport.address: not given, so the device cannot be reached",
                allowed="a host name or IP address",
                todo="l0gm-edge hardware probe --ssh USER@HOST --write my-board.yaml makes a profile that has one",
            )
        self.reached = False
        self.returning: Callable[[], Awaitable[object]] | None = None
        self._transport, self._address = transport, transport.address
        self._connections: list[asyncssh.SSHClientConnection] = []

    @property
    def reconnect_s(self) -> float:
        """How long a lost device is waited for."""
        return self._transport.reconnect_s

    @property
    def where(self) -> str:
        """The device's address, as a person writes it."""
        user = f"{self._transport.user}@" if self._transport.user else ""
        port = f":{self._transport.port}" if self._transport.port else ""
        return f"{user}{self._address}{port}"

    async def persistently(self, work: Callable[[], Awaitable[T]], patience_s: float | None = None) -> T:
        """Do a piece of work, from its beginning again whenever the connection is lost.

        Raises DeviceFailed, and TransportLost when the device stays away for `patience_s` (`reconnect_s` by default).
        """
        for _ in range(LOSSES):
            await arrive(self._connected, self, self.reconnect_s if patience_s is None else patience_s)
            try:
                return await work()
            except (Silence, *GONE):
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
        """Run a script on the device, inside of `persistently`; a file may be its input, a stream take its output.

        Raises DeviceFailed for an output of more than `most_bytes`, and TransportLost after `timeout_s` seconds.
        """
        stdout, stderr = BytesIO(), BytesIO()
        try:
            async with asyncio.timeout(timeout_s):
                process = await self._connections[-1].create_process(
                    scripts.command(script, *arguments),
                    stdin=str(source) if source else asyncssh.DEVNULL,
                    encoding=None,
                )
                async with process:
                    await asyncio.gather(
                        copy(process.stdout, sink or stdout, most_bytes, self),
                        copy(process.stderr, stderr, LONGEST_TEXT, self),
                    )
        except TimeoutError as error:
            raise TransportLost("the device does not answer", where=self.where) from error
        if process.returncode is None:
            raise Silence
        return Said(process.returncode, stdout.getvalue(), stderr.getvalue())

    async def attend(self, script: str, *arguments: str) -> SshAttendant:
        """Start a script, inside of `persistently`, that goes on until the connection ends."""
        line = scripts.command(script, *arguments)
        return SshAttendant(await self._connections[-1].create_process(line, encoding=None))

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connections, self._connections = self._connections, []
        for connection in reversed(connections):
            connection.close()
            with suppress(OSError, asyncssh.Error, TimeoutError):
                await asyncio.wait_for(connection.wait_closed(), CLOSE_S)

    async def _connected(self) -> None:
        """Make sure of a connection. Raises Away without one, and DeviceFailed for what no second try would change."""
        if self._connections:
            return
        try:
            self._connections = await self._connect()
            if self.reached and self.returning is not None:
                await self.returning()
            self.reached = True
        except (OSError, asyncssh.Error, Silence) as error:
            await self.close()
            told = _reason(error)
            todo = "see that it is switched on, and that transport.address and port of its profile are right"
            failed = DeviceFailed(f"the device cannot be reached: {told}", where=self.where, todo=todo)
            raise Away(told, failed) from error

    async def _connect(self) -> list[asyncssh.SSHClientConnection]:
        """The connection, behind that to the jump host if there is one; what no second try would change is raised."""
        transport, jump = self._transport, self._transport.jump
        hops = [(jump.address, jump.port, jump.user)] if jump else []
        hops.append((self._address, transport.port or 22, transport.user))
        made: list[asyncssh.SSHClientConnection] = []
        try:
            for address, port, user in hops:
                made.append(
                    await asyncssh.connect(
                        address, port, username=user or (), tunnel=made[-1] if made else (), **self._options()
                    )
                )
        except asyncssh.HostKeyNotVerifiable as error:
            raise DeviceFailed(
                f"the host key of {address} is not one that known_hosts has for it",
                where=f"{self.where}, {transport.known_hosts}",
                todo="compare its fingerprint with the one that the board itself tells, then log in once with ssh",
            ) from error
        except asyncssh.PermissionDenied as error:
            raise DeviceFailed(
                f"{address} accepts none of our keys",
                where=self.where,
                todo="name key files in transport.key_files, or load a key into the agent (ssh-add)",
            ) from error
        except (ValueError, asyncssh.KeyEncryptionError, FileNotFoundError) as error:
            raise RecipeError(
                f"a key file or known_hosts cannot be used: {plain(str(error))}",
                where=", ".join([*transport.key_files, transport.known_hosts]),
                todo="a key with a passphrase goes into the agent (ssh-add), and key_files stays empty",
            ) from error
        finally:
            if len(made) < len(hops):
                self._connections = made
                await self.close()
        return made

    def _options(self) -> dict[str, object]:
        transport = self._transport
        known_hosts = Path(transport.known_hosts).expanduser()
        if not known_hosts.is_file():
            raise RecipeError(
                "transport.known_hosts: there is no such file, so no host key can be trusted",
                where=str(known_hosts),
                todo="log in once with ssh, which asks whether to trust the key it sees",
            )
        keys = [str(Path(one).expanduser()) for one in transport.key_files]
        return {
            "config": None,
            "known_hosts": str(known_hosts),
            "client_keys": keys or (),
            "agent_path": None if keys else os.environ.get("SSH_AUTH_SOCK"),
            "preferred_auth": ["publickey"],
            "connect_timeout": CONNECT_S,
            "login_timeout": CONNECT_S,
            "keepalive_interval": transport.keepalive_s,
            "keepalive_count_max": MISSED_KEEPALIVES,
        }


def _reason(error: Exception) -> str:
    """Why no connection came about: the system's words where it has some, without the addresses that were tried."""
    numbers = re.findall(r"\[Errno (\d+)\]", str(error))  # asyncio names each address of a name that has several
    told = ", ".join(dict.fromkeys(os.strerror(int(number)).lower() for number in numbers))
    words = getattr(error, "strerror", None) if not told else None  # such as that a name is not known
    return told or plain(words or str(error)) or type(error).__name__
