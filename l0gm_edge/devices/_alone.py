"""One user of a device at a time: who holds it, how another waits, and how the lock of this machine is taken.

A lock lies in a file on the device itself and is one of the kernel's (flock): it goes with the process that holds it,
so that none is ever stale. What stands in the file only tells others who that is.
"""

from __future__ import annotations

import fcntl
import logging
import os
import platform
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import Transport
from l0gm_edge.core.told import plain

WAIT_S = 3600.0
"""How long a device that another uses is waited for, unless told otherwise."""
FIRST_S = 30.0
POLL_S = 0.25
MOST_BYTES = 200
BUSY, HELD = "busy", "held"
"""What a keeper on a device says: `busy SIGNATURE` when another has the lock, `held` once it has it itself."""

_LOG = logging.getLogger("l0gm_edge.devices")
_PATIENCE: ContextVar[float] = ContextVar("seconds to wait for a device", default=WAIT_S)
_OURS: ContextVar[frozenset[str]] = ContextVar("devices that this caller holds", default=frozenset())


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Wait so long for devices that others use while the context lasts; with 0 not at all."""
    before = _PATIENCE.set(seconds)
    try:
        yield
    finally:
        _PATIENCE.reset(before)


def patience_s() -> float:
    """How long a device that another uses is waited for now, in seconds."""
    return _PATIENCE.get()


@contextmanager
def once(transport: Transport, reserve: Callable[[float], None]) -> Iterator[None]:
    """Reserve a device unless a caller further out did: work within work on one device does not wait for itself."""
    ours, key = _OURS.get(), f"{transport.kind} {transport.user}@{transport.address}:{transport.port}"
    if key not in ours:
        reserve(_PATIENCE.get())
    before = _OURS.set(ours | {key})
    try:
        yield
    finally:
        _OURS.reset(before)


def signature() -> str:
    """What the holder of a lock leaves in it: host, process and time, in characters that harm nobody."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", platform.node())[:64] or "unknown"
    return f"{host} {os.getpid()} {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def holder(text: str) -> str:
    """The one whose signature this is, in words; others may have written anything into their lock."""
    found = re.fullmatch(r"([A-Za-z0-9.-]{1,64}) (\d{1,10}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)", text.strip())
    return f"{found[1]} (process {found[2]}) since {found[3]}" if found else "another, who left no name,"


def await_keeper(ask: Callable[[float], str], device: str, wait_s: float, waited_s: float = 0) -> None:
    """Wait until a keeper on a device says that it has the lock; `ask(seconds)` gives its next line, or "" in vain.

    One line is logged when the device is in use. Raises DeviceFailed when it stays so for `wait_s` seconds, of which so
    many have gone already.
    """
    said = ask(FIRST_S)
    if said.startswith(BUSY):
        by = holder(said.removeprefix(BUSY))
        if wait_s > waited_s:
            if not waited_s:
                _tell(device, by)
            said = ask(wait_s - waited_s)
        if not said or said.startswith(BUSY):
            raise _busy(device, by, wait_s)
    if said.strip() != HELD:
        raise DeviceFailed(f"{device} does not say whether it is free", where=plain(said[:MOST_BYTES]) or None)


def lock_file() -> Path:
    """The lock of this machine: `L0GM_EDGE_LOCK`, or a file of the user's cache folder, as on any other device."""
    given = os.environ.get("L0GM_EDGE_LOCK")
    return Path(given or "~/.cache/l0gm-edge/lock").expanduser()


def locked(path: Path, device: str, wait_s: float) -> IO[str]:
    """A lock of this machine; closing it, or the end of this process, gives it back.

    One line is logged when another has it. Raises DeviceFailed when it is not free within `wait_s` seconds, or cannot
    be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8", errors="replace")
    except OSError as error:
        raise DeviceFailed(f"cannot lock {device}: {error.strerror}", where=str(path)) from error
    try:
        _take(file, device, wait_s)
    except BaseException:
        file.close()
        raise
    file.truncate(0)
    file.write(f"{signature()}\n")
    file.flush()
    return file


def _take(file: IO[str], device: str, wait_s: float) -> None:
    deadline, told = time.monotonic() + wait_s, False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            by = holder(file.read(MOST_BYTES))
        else:
            return
        if time.monotonic() >= deadline:
            raise _busy(device, by, wait_s)
        if not told:
            _tell(device, by)
            told = True
        time.sleep(POLL_S)


def _tell(device: str, by: str) -> None:
    _LOG.warning("%s is used by %s; waiting", device, by)


def _busy(device: str, by: str, waited_s: float) -> DeviceFailed:
    waited = f", {waited_s:g} s later still" if waited_s else ""
    return DeviceFailed(
        f"{device} is used by {by}{waited}",
        allowed="one user of a device at a time, or figures would be of two at once",
        todo="try again later, or wait longer with --wait SECONDS",
    )
