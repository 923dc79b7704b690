"""This machine as the device: a temporary work folder, and processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import IO

from l0gm_edge.core import processes
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.devices import CommandResult, Outcome, _alone
from l0gm_edge.devices._lines import Lines, Told
from l0gm_edge.devices._link import CHUNK_BYTES
from l0gm_edge.devices._paths import inside


@contextmanager
def connect(profile: HardwareProfile) -> Iterator[LocalDevice]:
    """This machine, in a new work folder that is removed at the end. Raises DeviceFailed when none can be made."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"l0gm-edge-{profile.name}-"))
    except OSError as error:
        raise DeviceFailed(f"cannot make a work folder: {error}", where=tempfile.gettempdir()) from error
    try:
        with closing(LocalDevice(folder, _program(profile.transport.python or sys.executable))) as device:
            yield device
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class LocalDevice:
    """An open work folder on this machine; conforms to `devices.Device`."""

    def __init__(self, folder: Path, python: str) -> None:
        self._folder, self._python = folder, python
        self._lock: IO[str] | None = None

    def put(self, local: Path, remote: str) -> None:
        """Copy a file into the work folder. Raises DeviceFailed."""
        _copy(local, self._folder / inside(remote))

    def get(self, remote: str, local: Path) -> None:
        """Copy a file out of the work folder. Raises DeviceFailed."""
        _copy(self._folder / inside(remote), local)

    def run(self, command: Sequence[str], timeout_s: float) -> CommandResult:
        """Run a command in the work folder; after `timeout_s` seconds it is killed with all its children."""
        return self._run(command, timeout_s, subprocess.PIPE)

    def stream(self, command: Sequence[str], timeout_s: float, told: Told) -> CommandResult:
        """`run`, with each line of the output told while it comes."""
        lines, written = Lines(told), BytesIO()
        read_end, write_end = os.pipe()

        def follow() -> None:
            while chunk := os.read(read_end, CHUNK_BYTES):
                written.write(chunk)
                lines.write(chunk)
            lines.close()

        thread = Thread(target=follow, daemon=True)
        thread.start()
        try:
            ended = self._run(command, timeout_s, write_end)
        finally:
            os.close(write_end)
            thread.join()
            os.close(read_end)
        return CommandResult.model_validate(
            {**ended.model_dump(), "stdout": written.getvalue().decode(errors="replace")}
        )

    def _run(self, command: Sequence[str], timeout_s: float, stdout_to: int) -> CommandResult:
        try:
            process = subprocess.Popen(
                list(command),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=stdout_to,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
                preexec_fn=processes.ending_with_this_one(),
            )
        except OSError as error:
            return CommandResult(outcome=Outcome.COMMAND_FAILED, status=None, stdout="", stderr=str(error))
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _kill_group(process)
            stdout, stderr = process.communicate()
            return CommandResult(outcome=Outcome.TIMEOUT, status=None, stdout=stdout or "", stderr=stderr)
        except BaseException:  # Ctrl-C does not reach a session of its own: nothing may outlive us
            _kill_group(process)
            process.communicate()
            raise
        stdout = stdout or ""  # it went elsewhere
        outcome = Outcome.OK if process.returncode == 0 else Outcome.COMMAND_FAILED
        return CommandResult(outcome=outcome, status=process.returncode, stdout=stdout, stderr=stderr)

    def python(self) -> str:
        """The profile's Python, or that which runs this program."""
        return self._python

    def reserve(self, name: str, wait_s: float) -> None:
        """Have this machine for this connection alone until it ends. Raises DeviceFailed when another keeps it."""
        self._lock = _alone.locked(_alone.lock_file(), name, wait_s)

    def close(self) -> None:
        """Give the machine back, if it was reserved."""
        if self._lock is not None:
            self._lock.close()


def _program(written: str) -> str:
    """A program's path made whole, since it is run in another folder; a bare name is looked up as ever."""
    return str(Path(written).expanduser().absolute()) if "/" in written else written


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except OSError as error:
        raise DeviceFailed(
            f"cannot copy {source.name}: {error.strerror or error}", where=str(error.filename or target)
        ) from error


def _kill_group(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
