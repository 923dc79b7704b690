"""The same command for many devices: a process for each, side by side, and what it says kept as soon as it is said.

Every device has its command alone, so that one that fails, or hangs, takes nothing away from the others, and Ctrl-C
ends each as it would end by itself.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import IO

from l0gm_edge.core import processes, store
from l0gm_edge.core.fleet import INTERRUPTED
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.told import plain
from l0gm_edge.core.value import Value

ANSWER = "answer.json"
SETTLED = (0, 1)
"""Exit statuses after which asking again would be in vain: of verdicts, PASS and FAIL."""
LONGEST_LINE = 500

_LOG = logging.getLogger("l0gm_edge.fleet")


@dataclass(frozen=True)
class Job:
    """One command for one device: `arguments` of `l0gm-edge`, without --json; `inputs` are digests of all it is about.

    What finishes is kept, unless `inputs` is null: then the command itself knows what it has done. `refused` says why
    this device gets no such command.
    """

    hardware: HardwareProfile
    name: str
    arguments: tuple[str, ...] = ()
    inputs: dict[str, str] | None = field(default_factory=dict)
    refused: str = ""


class Answer(Value):
    """How a command ended, and the one document that it printed."""

    status: int
    text: str

    @property
    def error(self) -> str:
        """What went wrong, and what to do; empty when the document tells of no error."""
        try:
            document = json.loads(self.text)
        except ValueError:
            return f"it ended with status {self.status} and said {plain(self.text[:LONGEST_LINE]).strip() or 'nothing'}"
        error = document.get("error") if isinstance(document, dict) else None
        if not isinstance(error, dict):
            return ""
        parts = ("what", "todo")  # without `where`, which may be a device's address
        return "; ".join(str(error[key]) for key in parts if error.get(key))


@dataclass(frozen=True)
class Answered:
    """A job's answer, and whether it is that of an earlier call."""

    job: Job
    answer: Answer
    reused: bool = False


class _Open(Exception):
    """A command that did not settle anything: nothing is kept of it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


def ask(
    jobs: Sequence[Job], folder: Path, progress: Progress, *, before: Callable[[Job], None] | None = None
) -> tuple[Answered, ...]:
    """Every job's answer, in their order: jobs of one device one after the other, devices side by side.

    With `before`, which is called ahead of each, all come one after the other.

    What `folder` holds an answer to is not asked again. Raises RefusedInput when another call is at work in the folder,
    StorageFailed, and KeyboardInterrupt once every command has ended.
    """
    children = _Children()
    devices: dict[str, list[Job]] = {}
    for job in jobs:
        devices.setdefault(_device(job.hardware), []).append(job)
    with (
        store.storage_errors(folder),
        store.RunFolder(folder).exclusive(),
        ThreadPoolExecutor(1 if before else len(devices), thread_name_prefix="l0gm-edge device") as pool,
    ):
        try:
            asked = [
                pool.submit(_one_device, mine, folder, children, progress, before or _nothing)
                for mine in devices.values()
            ]
            answered = [answer for future in asked for answer in future.result()]
        except BaseException:
            children.interrupt()
            raise
    return tuple(next(one for one in answered if one.job is job) for job in jobs)


def _device(hardware: HardwareProfile) -> str:
    """What tells one device from another: profiles of one board in several modes take turns."""
    way = hardware.transport
    return f"{way.kind} {way.address} {way.port}"


def _nothing(_: Job) -> None:
    """Nothing is done ahead of a job."""


def _one_device(
    jobs: Sequence[Job], folder: Path, children: _Children, progress: Progress, before: Callable[[Job], None]
) -> list[Answered]:
    answered = []
    with progress.task(jobs[0].hardware.name, len(jobs)) as task:
        for job in jobs:
            before(job)
            answered.append(_one_job(job, folder, children))
            task.advance()
    return answered


def _one_job(job: Job, folder: Path, children: _Children) -> Answered:
    if job.refused:
        return Answered(job, Answer(status=2, text=json.dumps({"error": {"what": job.refused}})))
    if job.inputs is None:
        return Answered(job, children.run(job))
    kept = store.RunFolder(folder / job.hardware.name)
    reused = kept.finished(job.name, job.inputs) is not None

    def work(into: Path) -> None:
        answer = children.run(job)
        if answer.status not in SETTLED or answer.error:
            raise _Open(answer)
        store.write_value(into / ANSWER, answer)

    try:
        if not reused:
            kept.make(job.name, job.inputs, work)
        answer = store.read_value(Answer, kept.path(job.name) / ANSWER)
    except _Open as unsettled:
        answer = unsettled.answer
    return Answered(job, answer, reused)


class _Children:
    """The commands that run now, so that all of them can be interrupted."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock, self._stopped = Lock(), False

    def run(self, job: Job) -> Answer:
        """Run a job's command to its end; what it tells a person goes to the log, under the device's name."""
        command = [sys.executable, "-P", "-m", "l0gm_edge", *job.arguments, "--json"]
        with self._lock:
            if self._stopped:
                return Answer(status=INTERRUPTED, text="")
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": processes.search_path()},
                preexec_fn=processes.ending_with_this_one(),
            )
            self._running.add(child)
        assert child.stdout is not None
        assert child.stderr is not None
        listener = Thread(target=_tell, args=(child.stderr, job.hardware.name), daemon=True)
        listener.start()
        with child:
            text = child.stdout.read()
            status = child.wait()
            listener.join()
        with self._lock:
            self._running.discard(child)
        return Answer(status=status if status >= 0 else 4, text=text)

    def interrupt(self) -> None:
        """Ctrl-C for every command that runs, and none that has not begun."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                with suppress(ProcessLookupError):
                    child.send_signal(signal.SIGINT)


def _tell(stream: IO[str], device: str) -> None:
    for line in stream:
        if line.strip():
            _LOG.warning("%s: %s", device, plain(line[:LONGEST_LINE]).strip())
