"""Holds a device's settings while it is measured, and gives back what was there, whatever becomes of the host.

    settings.py hold WANTED      what board.py sets, and `idle_s`; a guard stays behind, of which nothing is heard
    settings.py run ABOUT COMMAND...   run a command on `cores`; the guard, where it is `held`, waits for its end
    settings.py release          what was there is given back; status 1, and why, when that does not work
    settings.py recover          the same, of a guard that was killed

The guard sleeps in the kernel while a command runs. When nothing has run for `idle_s` seconds, since the host or the
way to it is gone, it gives back and ends; so it does when it is told to end, as by a shutdown. What was there lies in a
record before anything is set, so that a power cut loses it neither. For Python 3.8, standard library only.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
import time
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Dict, Iterator

FOLDER = Path("~/.cache/l0gm-edge/settings").expanduser()
RECORD, STORE, DOOR = FOLDER / "record.json", FOLDER / "clocks.conf", FOLDER / "door"
GUARD, BUSY = FOLDER / "guard.lock", FOLDER / "busy.lock"
RELEASE_SECONDS = 30.0
"""How long one waits for things to be given back; a command that still runs is waited for by the guard alone."""
BEGIN, END = b"b", b"e"
ENDED = 4

Json = Dict[str, Any]


class Refused(Exception):
    """What was asked for cannot be, in words."""


def beside(name: str) -> Any:
    """Another of the programs that the host sends."""
    return import_module(f"{__package__}.{name}" if __package__ else name)


def lock(path: Path, how: int) -> IO[str] | None:
    """A lock file, locked; None where `how` says not to wait and somebody else has it."""
    file = path.open("a")
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def alone(path: Path, *, wait: bool) -> Iterator[bool]:
    """Whether nobody else has this lock, which is ours meanwhile."""
    file = lock(path, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield file is not None
    finally:
        if file is not None:
            file.close()


def hold(wanted: Json) -> Json:
    """Set what is wanted and leave a guard behind; nothing when all is so already. Raises Refused."""
    board, idle_s = beside("board"), wanted.pop("idle_s")
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    guard = lock(GUARD, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if guard is None:
        raise Refused("another run holds the settings of this device; wait for its end")
    _recover(board)
    try:
        changed = board.differs(wanted)
        if not changed:
            return {"changed": []}
        was = board.record(wanted, str(STORE))
    except board.Unable as error:
        raise Refused(str(error)) from error
    _keep(was)
    with suppress(FileNotFoundError):
        DOOR.unlink()
    os.mkfifo(str(DOOR), 0o600)
    ears, mouth = os.pipe()
    if os.fork() == 0:
        os.close(ears)
        _become_guard(board, wanted, was, idle_s, mouth)
    os.close(mouth)
    with os.fdopen(ears, encoding="utf-8") as said:
        wrong = said.read()
    if wrong != "set":
        raise Refused(wrong or "the settings' guard ended without a word")
    return {"changed": changed}


def _keep(was: Json) -> None:
    part = RECORD.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(was, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(RECORD)


def _become_guard(board: Any, wanted: Json, was: Json, idle_s: float, mouth: int) -> None:
    """In a child: a session of its own, so that what kills the host's commands does not reach it. Never returns."""
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    os.chdir("/")  # the work folder may go
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, _end)
    try:
        door = os.open(str(DOOR), os.O_RDWR | os.O_NONBLOCK)
        board.apply(wanted)
        os.write(mouth, b"set")
        os.close(mouth)
        _wait(door, idle_s)
    except board.Unable as error:
        os.write(mouth, str(error).encode())
    finally:  # also when a signal ends it
        for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(ending, signal.SIG_IGN)
        _give_back(board, was)
        os._exit(0)


def _end(*_: Any) -> None:
    sys.exit(0)


def _wait(door: int, idle_s: float) -> None:
    """Until one says so, or nothing has run for so long."""
    while True:
        heard = b""
        if select.select([door], [], [], idle_s)[0]:
            heard = os.read(door, 4096)
        with alone(BUSY, wait=bool(heard)) as idle:  # what began has ended
            if idle and (not heard or END in heard):
                DOOR.unlink()  # whoever comes now finds that nothing is held
                return


def _give_back(board: Any, was: Json) -> list[str]:
    """What could not be given back, in words; the record is kept then, and tried again."""
    wrong: list[str] = board.put_back(was)
    for path in () if wrong else (RECORD, STORE):
        with suppress(OSError):
            path.unlink()
    return wrong


def _recover(board: Any) -> list[str]:
    """Give back what a guard that was killed left; with its lock held."""
    try:
        was = json.loads(RECORD.read_text(encoding="utf-8"))
        return _give_back(board, {name: was[name] for name in ("power_mode", "stored", "files")})
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{RECORD} is damaged; look at this device's settings and remove it: {error!r}") from error


def release() -> Json:
    """Have the guard give back, and wait for that. Raises Refused when it cannot, or when a command still runs."""
    with suppress(OSError):
        door = os.open(str(DOOR), os.O_WRONLY | os.O_NONBLOCK)
        os.write(door, END)
        os.close(door)
    return recover(RELEASE_SECONDS)


def recover(seconds: float = 0.0) -> Json:
    """See that nothing is left to give back, unless a guard lives that long. Raises Refused when it does not work."""
    deadline = time.monotonic() + seconds
    while FOLDER.exists():
        with alone(GUARD, wait=False) as free:
            if free:
                wrong = _recover(beside("board"))
                if wrong:
                    raise Refused("what was set before is not back: " + "; ".join(wrong))
                break
        if time.monotonic() >= deadline:
            if seconds:
                raise Refused("a command still runs; what was set is given back when it ends")
            break
        time.sleep(0.02)
    return {}


@contextmanager
def _knocking() -> Iterator[None]:
    """A lock on being busy that the command inherits, told to the guard. Raises Refused where there is none."""
    busy = lock(BUSY, fcntl.LOCK_SH)
    assert busy is not None
    os.set_inheritable(busy.fileno(), True)  # noqa: FBT003 (it takes no name)
    try:
        door = os.open(str(DOOR), os.O_WRONLY | os.O_NONBLOCK)
        os.write(door, BEGIN)
        os.close(door)
    except OSError as error:
        raise Refused("the device has its own settings back: nothing was heard from here for too long") from error
    yield
    busy.close()


def run(about: Json, command: list[str]) -> None:
    """Become a command, on the cores it may use; a guard waits for its end. Raises Refused."""
    if about["cores"]:
        with suppress(OSError):  # none of them is there
            os.sched_setaffinity(0, about["cores"])
        if os.sched_getaffinity(0) != set(about["cores"]):
            told = ", ".join(map(str, about["cores"]))
            raise Refused(f"not all of the cores {told} can be used: this device has 0 to {(os.cpu_count() or 1) - 1}")
    if about["held"]:
        with _knocking():
            os.execvp(command[0], command)  # noqa: S606 (a list, as everywhere)
    os.execvp(command[0], command)  # noqa: S606 (a list, as everywhere)


def main(arguments: list[str]) -> int:
    """Do what is asked; JSON on standard output, or why not on standard error and status 4."""
    name, given = arguments[0], arguments[1:]
    try:
        if name == "run":
            run(json.loads(given[0]), given[1:])
        asked = {"hold": lambda: hold(json.loads(given[0])), "release": release, "recover": recover}
        print(json.dumps(asked[name]()))
    except (Refused, OSError) as error:
        print(error, file=sys.stderr)
        return ENDED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
