"""One model file timed by a native runner: several fresh processes, and what each tells of its runs."""

from __future__ import annotations

import math
from pathlib import Path

from l0gm_edge.core.energy import Energy
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.profiled import AggregateProfile
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.devices import Device
from l0gm_edge.measure.native import run, state
from l0gm_edge.measure.native.run import Runs
from l0gm_edge.measure.profiled import Subject
from l0gm_edge.measure.single import runtime_of
from l0gm_edge.measure.stream import GRACE_S, Least

SILENT = Silent()
NO_ENERGY = Energy(unavailable="power is read by Python on the device, and it has a native runner")
SHORT = Runs(runs=50)
"""For what is no timing."""


def profile_native(
    device: Device,
    hardware: HardwareProfile,
    model: Path,
    *,
    threads: int | None,
    processes: int,
    runs: int,
    least: Least | None = None,
    with_layers: bool = False,
    progress: Progress = SILENT,
) -> AggregateProfile:
    """Time a model in so many processes of `runs` runs each, or of their share of `least`.

    Raises RefusedInput when the profile's runtime cannot run such a file, and DeviceFailed.
    """
    runtime = runtime_of(model, hardware)
    asked = runs_of(runs, least, processes)
    native = run.placed(device, hardware)
    with progress.task(model.name, processes + 1) as task:
        subject = Subject(device, hardware, model, runtime, state.read(device), state.read)
        placed = subject.placed(model.stem, threads)
        found = []
        for _ in range(processes):
            found.append(native.time(placed, asked))
            task.advance()
        head = subject.head(placed, run.version(native.runner))
        peak = native.peak_memory_bytes(placed, SHORT)
        task.advance()
        operators = native.operators(placed, SHORT) if with_layers else None
    return AggregateProfile.model_validate(
        {
            **head,
            "energy": NO_ENERGY,
            "processes": tuple(found),
            "peak_memory_bytes": peak,
            "operators": operators,
        }
    )


def runs_of(runs: int, least: Least | None, processes: int) -> Runs:
    """What one of so many processes is asked for."""
    if least is None:
        return Runs(runs=runs)
    share = least.share(processes)
    return Runs(runs=max(1, share.queries), min_seconds=share.seconds, max_seconds=math.ceil(share.seconds) + GRACE_S)
