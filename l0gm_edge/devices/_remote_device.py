"""A work folder on a device at the other end of SSH or ADB, with commands that outlive the connection."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.store import TEMPORARY, file_sha256
from l0gm_edge.devices import CommandResult, Outcome, _alone
from l0gm_edge.devices import _remote_scripts as scripts
from l0gm_edge.devices._event_loop import EventLoop
from l0gm_edge.devices._lines import Lines, Told
from l0gm_edge.devices._link import CLOSE_S, LOSSES, Attendant, Link, Silence, TransportLost
from l0gm_edge.devices._paths import inside

PYTHON = "python3"
MOST_FILE_BYTES = 4 << 30
MOST_OUTPUT_BYTES = 8 << 20
MOST_ERROR_BYTES = 64 << 10
STOPPED = {124, 128 + 9}
"""What `timeout` ends with when it had to end its command."""
GRACE_S = 60.0
"""How much longer than a command may take its end is waited for."""


class RemoteDevice:
    """An open work folder; conforms to `devices.Device`."""

    def __init__(self, link: Link, loop: EventLoop, python: str | None) -> None:
        self._link, self._loop, self._python = link, loop, python or PYTHON
        self._keeper: Attendant | None = None
        self._id, self._runs = secrets.token_hex(8), 0
        self._login = PurePosixPath()

    def open(self) -> None:
        """Connect and make the work folder. Raises DeviceFailed, and RecipeError for a way that leads nowhere."""
        self._loop.run(self._link.persistently(self._open))

    def put(self, local: Path, remote: str) -> None:
        """Copy a file to the device, which keeps it: what is there already is not sent. Raises DeviceFailed."""
        try:
            sha256, size = file_sha256(local), local.stat().st_size
        except OSError as error:
            raise DeviceFailed(f"cannot copy {local.name}: {error.strerror or error}", where=str(local)) from error
        if size > MOST_FILE_BYTES:
            raise DeviceFailed(
                f"cannot copy {local.name}: it has {size:,} bytes", allowed=f"at most {MOST_FILE_BYTES:,}"
            )
        self._loop.run(self._link.persistently(partial(self._put, local, sha256, str(inside(remote)))))

    def get(self, remote: str, local: Path) -> None:
        """Copy a file back, whole or not at all. Raises DeviceFailed."""
        path = str(inside(remote))
        partial_file = local.with_name(local.name + TEMPORARY)
        try:
            local.parent.mkdir(parents=True, exist_ok=True)
            self._loop.run(self._link.persistently(partial(self._get, path, partial_file)))
            partial_file.replace(local)
        except OSError as error:
            raise DeviceFailed(f"cannot copy {remote}: {error.strerror or error}", where=str(local)) from error
        finally:
            partial_file.unlink(missing_ok=True)

    def run(self, command: Sequence[str], timeout_s: float) -> CommandResult:
        """Run a command in the work folder, detached from the connection: one that is lost is made again meanwhile."""
        return self._detached(command, timeout_s, None)

    def stream(self, command: Sequence[str], timeout_s: float, told: Told) -> CommandResult:
        """`run`, with each line of the output told while it comes. Raises DeviceFailed for too much of it."""
        return self._detached(command, timeout_s, Lines(told))

    def _detached(self, command: Sequence[str], timeout_s: float, lines: Lines | None) -> CommandResult:
        self._runs += 1
        work = partial(self._run, str(self._runs), list(command), max(1, math.ceil(timeout_s)), lines)
        try:
            return self._loop.run(self._link.persistently(work))
        except TransportLost as error:
            return CommandResult(outcome=Outcome.TRANSPORT_LOST, status=None, stdout="", stderr=error.what)

    def python(self) -> str:
        """The profile's Python, a path of the login folder being made whole, or the device's `python3`."""
        path = self._python.removeprefix("~/")
        return str(self._login / path) if "/" in self._python else path

    def reserve(self, name: str, wait_s: float) -> None:
        """Have the device for this connection alone until it ends. Raises DeviceFailed when another keeps it.

        A process there holds the lock. It outlives a lost connection for as long as that may be made again.
        """
        grace = str(math.ceil(self._link.reconnect_s + GRACE_S))
        hold = partial(self._link.attend, scripts.HOLD, self._id, _alone.signature(), grace)
        began = None
        for _ in range(LOSSES):
            keeper = self._loop.run(self._link.persistently(hold))
            try:
                waited_s = time.monotonic() - began if began else 0
                _alone.await_keeper(partial(self._line, keeper), name, wait_s, waited_s)
            except Silence:
                began = began or time.monotonic()
                self._loop.run(self._link.close())
            else:
                self._keeper, self._link.returning = keeper, self._attend
                return
        raise TransportLost(f"the connection was lost {LOSSES} times", where=self._link.where)

    def close(self) -> None:
        """End what still runs there, remove the work folder, and hang up."""
        try:
            if self._link.reached:
                work = partial(self._link.shell, scripts.CLOSE, self._id, timeout_s=CLOSE_S)
                with suppress(DeviceFailed):
                    self._loop.run(self._link.persistently(work, patience_s=0))
        finally:
            self._loop.run(self._link.close())

    def _line(self, keeper: Attendant, timeout_s: float) -> str:
        return self._loop.run(keeper.line(timeout_s))

    async def _attend(self) -> None:
        """Tell the keeper that the connection is back."""
        self._keeper = await self._link.attend(scripts.ATTEND, self._id)
        await self._keeper.line(GRACE_S)

    async def _open(self) -> None:
        said = await self._link.shell(scripts.OPEN, self._id)
        if said.status:
            raise DeviceFailed(f"cannot make a work folder: {said.last_line()}", where=self._link.where)
        self._login = PurePosixPath(said.stdout.decode(errors="replace").strip())

    async def _put(self, local: Path, sha256: str, path: str) -> None:
        """Link what the device holds, else send it; either way the device says what it now has there."""
        for script, source in ((scripts.PLACE, None), (scripts.RECEIVE, local)):
            said = await self._link.shell(script, self._id, sha256, path, source=source)
            if said.status:
                raise self._not_copied(local.name, said.last_line())
            if said.stdout.decode(errors="replace").split()[:1] == [sha256]:
                return
        raise self._not_copied(local.name, "it did not arrive as it was sent")

    async def _get(self, path: str, target: Path) -> None:
        with target.open("wb") as sink:
            said = await self._link.shell(scripts.SEND, self._id, path, sink=sink, most_bytes=MOST_FILE_BYTES)
        if said.status:
            raise self._not_copied(path, said.last_line())

    async def _run(self, name: str, command: list[str], seconds: int, lines: Lines | None) -> CommandResult:
        begun = await self._link.shell(scripts.START, self._id, name, str(seconds), *command)
        if begun.status:
            raise DeviceFailed(f"cannot start {command[0]}: {begun.last_line()}", where=self._link.where)
        if lines is not None:
            lines.again()
            most, patience_s = MOST_OUTPUT_BYTES, seconds + GRACE_S
            await self._link.shell(scripts.FOLLOW, self._id, name, sink=lines, most_bytes=most, timeout_s=patience_s)
        ended = await self._link.shell(
            scripts.AWAIT,
            self._id,
            name,
            str(MOST_OUTPUT_BYTES),
            str(MOST_ERROR_BYTES),
            most_bytes=MOST_OUTPUT_BYTES + 100,
            timeout_s=seconds + GRACE_S,
        )
        stderr = ended.stderr.decode(errors="replace")
        if ended.status:
            return CommandResult(outcome=Outcome.COMMAND_FAILED, status=None, stdout="", stderr=stderr)
        told, _, written = ended.stdout.partition(b"\n")
        status, took_s = _end(told.decode(errors="replace"))
        stdout = written.decode(errors="replace")
        if lines is not None:  # what came last may not have been told yet
            lines.again()
            lines.write(written)
            lines.close()
        if status in STOPPED and took_s >= seconds:
            return CommandResult(outcome=Outcome.TIMEOUT, status=None, stdout=stdout, stderr=stderr)
        outcome = Outcome.OK if status == 0 else Outcome.COMMAND_FAILED
        return CommandResult(outcome=outcome, status=status, stdout=stdout, stderr=stderr)

    def _not_copied(self, name: str, why: str) -> DeviceFailed:
        return DeviceFailed(f"cannot copy {name}: {why}", where=self._link.where)


def _end(line: str) -> tuple[int, float]:
    """A command's exit status, and how many seconds it took."""
    try:
        status, began, ended = line.split()
        return int(status), float(ended) - float(began)
    except ValueError as error:
        raise DeviceFailed(f"the device tells no sound end of a command: {line[:80]!r}") from error
