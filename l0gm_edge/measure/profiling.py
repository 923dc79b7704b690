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
from l0gm_edge.measure.offline import LEAST, profile_offline
from l0gm_edge.measure.single import profile_model, runtime_of
from l0gm_edge.measure.stream import Least
from l0gm_edge.measure.sustained import profile_sustained
from l0gm_edge.measure.threads import profile_threads

SILENT = Silent()
RUNS_PER_BLOCK = 10


class Scenario(StrEnum):
    """How samples come: the next when the last is done, or all at once; as MLPerf Inference means it."""

    SINGLE_STREAM = "single-stream"
    OFFLINE = "offline"


class Wanted(Value):
    """What is asked for; without threads, the profile's. `least` and `runs` are of all and of each process."""

    threads: tuple[PositiveInt, ...] = ()
    processes: PositiveInt = 3
    runs: PositiveInt = 250
    layers: bool = False
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


def numbers(text: str) -> tuple[int, ...]:
    """Numbers of threads as `1,2,4`. Raises RefusedInput."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[1-9][0-9]{0,3}", part) for part in parts):
        raise RefusedInput(f"'{text[:40]}' is no number of threads", allowed="numbers from 1 on, with commas: 1,2,4")
    return tuple(int(part) for part in parts)


def require_sound(wanted: Wanted, model: Path, hardware: HardwareProfile) -> None:
    """Raise RefusedInput for options that do not go together, and for what the profile cannot run."""
    chosen = _kinds(wanted)
    if len(chosen) > 1:
        raise RefusedInput(f"{' and '.join(chosen)} are two kinds of profile", allowed="one of them")
    if chosen and wanted.layers:
        raise RefusedInput(
            f"--layers and --report do not go with {chosen[0]}", todo="profile operators in a run of their own"
        )
    if chosen and chosen[0] != "--scenario offline" and wanted.least:
        raise RefusedInput(f"--min-duration and --min-queries do not go with {chosen[0]}")
    if wanted.batch > 1 and wanted.scenario is not Scenario.OFFLINE:
        raise RefusedInput("a batch is for --scenario offline: of a single stream, samples come one by one")
    if len(set(wanted.threads)) != len(wanted.threads):
        raise RefusedInput(f"each number of threads may stand once; found {', '.join(map(str, wanted.threads))}")
    cores = len(hardware.affinity)
    if cores and max(wanted.threads, default=0) > cores:
        raise RefusedInput(f"{max(wanted.threads)} threads do not fit on the {cores} cores of affinity in the profile")
    if chosen:
        native.refuse(hardware, chosen[0])
    runtime_of(model, hardware)
    native.require(hardware)


def require_single(wanted: Wanted) -> None:
    """Raise RefusedInput for kinds of profile that are one device's and one file's alone."""
    for kind in _kinds(wanted):
        raise RefusedInput(f"{kind} is for one model file on one device", todo="name one file and one profile")


def _kinds(wanted: Wanted) -> list[str]:
    """The kinds of profile that are asked for beside the plain one, as a person asks for them."""
    kinds = {
        "--sustained": wanted.sustained_s is not None,
        "--scenario offline": wanted.scenario is Scenario.OFFLINE,
        "several --threads": len(wanted.threads) > 1,
    }
    return [name for name, asked in kinds.items() if asked]


def profile(
    device: Device, hardware: HardwareProfile, model: Path, wanted: Wanted, progress: Progress = SILENT
) -> Profiled:
    """The profile that is asked for. Raises RefusedInput and DeviceFailed."""
    threads = wanted.threads[0] if wanted.threads else None
    if hardware.runner is not None:
        return profile_native(
            device,
            hardware,
            model,
            threads=threads,
            processes=wanted.processes,
            runs=wanted.runs,
            least=wanted.least,
            with_layers=wanted.layers,
            progress=progress,
        )
    measure = Measure(
        processes=wanted.processes,
        blocks=-(-wanted.runs // RUNS_PER_BLOCK),
        runs_per_block=min(wanted.runs, RUNS_PER_BLOCK),
    )
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
            processes=wanted.processes,
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
        with_layers=wanted.layers,
        settings=measure,
        least=wanted.least,
        progress=progress,
    )
