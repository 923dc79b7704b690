"""Which kind of profile a person asks for, and what does not go together."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from pydantic import PositiveFloat, PositiveInt

from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.profiled import Profiled
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.value import Value
from l0gm_edge.devices import Device
from l0gm_edge.measure import native
from l0gm_edge.measure.native.profile import profile_native
from l0gm_edge.measure.offline import LEAST, profile_offline, require_batch
from l0gm_edge.measure.single import profile_model, runtime_of
from l0gm_edge.measure.stream import Least
from l0gm_edge.measure.sustained import profile_sustained
from l0gm_edge.measure.threads import profile_threads

SILENT = Silent()
RUNS_PER_BLOCK = 10
PROCESSES, RUNS = 3, 250
"""What is done where nothing is asked for."""
SINGLE_STREAM, SUSTAINED, OFFLINE, THREADS = "a single stream", "--sustained", "--scenario offline", "several --threads"
TAKES = {
    SINGLE_STREAM: ("--runs", "--processes", "--min-duration", "--min-queries", "--layers"),
    SUSTAINED: (),
    OFFLINE: ("--processes", "--min-duration", "--min-queries", "--batch"),
    THREADS: ("--runs", "--processes"),
}
"""The kinds of profile as a person asks for them, and the options that say something of them."""


class Scenario(StrEnum):
    """How samples come: the next when the last is done, or all at once; as MLPerf Inference means it."""

    SINGLE_STREAM = "single-stream"
    OFFLINE = "offline"


class Wanted(Value):
    """What is asked for, and null where it is not: threads are then the profile's, other things the defaults.

    `runs` are of each process, `min_seconds` and `min_queries` of all. `page` says that a page is to be written.
    """

    threads: tuple[PositiveInt, ...] = ()
    processes: PositiveInt | None = None
    runs: PositiveInt | None = None
    layers: bool = False
    page: bool = False
    scenario: Scenario = Scenario.SINGLE_STREAM
    min_seconds: PositiveFloat | None = None
    min_queries: PositiveInt | None = None
    batch: PositiveInt = 1
    sustained_s: PositiveFloat | None = None

    @property
    def least(self) -> Least | None:
        """A least time or number, where one is asked for."""
        if self.min_seconds is None and self.min_queries is None:
            return None
        return Least(seconds=self.min_seconds or 0.0, queries=self.min_queries or 0)

    @property
    def with_operators(self) -> bool:
        """Whether operators are timed: when asked, and for the page of a profile that can have them."""
        return self.layers or (self.page and not _kinds(self))


def numbers(text: str) -> tuple[int, ...]:
    """Numbers of threads as `1,2,4`. Raises RefusedInput."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[1-9][0-9]{0,3}", part) for part in parts):
        raise RefusedInput(f"'{text[:40]}' is no number of threads", allowed="numbers from 1 on, with commas: 1,2,4")
    return tuple(int(part) for part in parts)


def require_sound(wanted: Wanted, model: Path, hardware: HardwareProfile) -> None:
    """Raise RefusedInput for options that do not go together, and for what the profile cannot run."""
    require_together(wanted)
    cores = len(hardware.affinity)
    if cores and max(wanted.threads, default=0) > cores:
        raise RefusedInput(f"{max(wanted.threads)} threads do not fit on the {cores} cores of affinity in the profile")
    for kind in _kinds(wanted):
        native.refuse(hardware, kind)
    require_batch(wanted.batch, runtime_of(model, hardware))
    native.require(hardware)


def require_together(wanted: Wanted) -> None:
    """Raise RefusedInput for options that do not go together, on whatever device: none is dropped in silence."""
    chosen = _kinds(wanted)
    if len(chosen) > 1:
        raise RefusedInput(f"{' and '.join(chosen)} are two kinds of profile", allowed="one of them")
    kind = chosen[0] if chosen else SINGLE_STREAM
    given = {
        "--runs": wanted.runs is not None,
        "--processes": wanted.processes is not None,
        "--min-duration": wanted.min_seconds is not None,
        "--min-queries": wanted.min_queries is not None,
        "--layers": wanted.layers,
        "--batch": wanted.batch > 1,
    }
    foreign = [name for name, asked in given.items() if asked and name not in TAKES[kind]]
    if foreign:
        told = (f"{name} goes with {' and '.join(one for one in TAKES if name in TAKES[one])}" for name in foreign)
        raise RefusedInput(f"{'; '.join(told)}; not with {kind}")
    if wanted.runs is not None and wanted.least:
        raise RefusedInput("--runs is how many, --min-duration and --min-queries how many at least", allowed="one way")
    if len(set(wanted.threads)) != len(wanted.threads):
        raise RefusedInput(f"each number of threads may stand once; found {', '.join(map(str, wanted.threads))}")


def require_single(wanted: Wanted) -> None:
    """Raise RefusedInput for kinds of profile that are one device's and one file's alone."""
    for kind in _kinds(wanted):
        raise RefusedInput(f"{kind} is for one model file on one device", todo="name one file and one profile")


def _kinds(wanted: Wanted) -> list[str]:
    """The kinds of profile that are asked for beside the plain one."""
    kinds = {
        SUSTAINED: wanted.sustained_s is not None,
        OFFLINE: wanted.scenario is Scenario.OFFLINE,
        THREADS: len(wanted.threads) > 1,
    }
    return [name for name, asked in kinds.items() if asked]


def profile(
    device: Device, hardware: HardwareProfile, model: Path, wanted: Wanted, progress: Progress = SILENT
) -> Profiled:
    """The profile that is asked for. Raises RefusedInput and DeviceFailed."""
    threads = wanted.threads[0] if wanted.threads else None
    processes, runs = wanted.processes or PROCESSES, wanted.runs or RUNS
    if hardware.runner is not None:
        return profile_native(
            device,
            hardware,
            model,
            threads=threads,
            processes=processes,
            runs=runs,
            least=wanted.least,
            with_layers=wanted.with_operators,
            progress=progress,
        )
    measure = Measure(processes=processes, blocks=-(-runs // RUNS_PER_BLOCK), runs_per_block=min(runs, RUNS_PER_BLOCK))
    if wanted.sustained_s is not None:
        seconds = wanted.sustained_s
        return profile_sustained(device, hardware, model, threads=threads, seconds=seconds, progress=progress)
    if wanted.scenario is Scenario.OFFLINE:
        return profile_offline(
            device,
            hardware,
            model,
            threads=threads,
            batch=wanted.batch,
            processes=processes,
            least=wanted.least or LEAST,
            progress=progress,
        )
    if len(wanted.threads) > 1:
        return profile_threads(device, hardware, model, threads=wanted.threads, settings=measure, progress=progress)
    return profile_model(
        device,
        hardware,
        model,
        threads=threads,
        with_layers=wanted.with_operators,
        settings=measure,
        least=wanted.least,
        progress=progress,
    )
