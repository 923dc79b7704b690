"""Samples a second when all of them are there at once: MLPerf's offline scenario."""

from __future__ import annotations

from pathlib import Path

from l0gm_edge.core.energy import Energy
from l0gm_edge.core.errors import DeviceFailed, RefusedInput
from l0gm_edge.core.hardware import ONNXRUNTIME, HardwareProfile
from l0gm_edge.core.profiled import OfflineProfile
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.devices import Device
from l0gm_edge.measure import energy, job, stream
from l0gm_edge.measure.job import ModelResult, OfflineJob
from l0gm_edge.measure.profiled import visiting
from l0gm_edge.measure.single import runtime_of
from l0gm_edge.measure.stream import Least

LEAST = Least(seconds=10.0, queries=1000)
SILENT = Silent()


def profile_offline(
    device: Device,
    hardware: HardwareProfile,
    model: Path,
    *,
    threads: int | None,
    batch: int,
    processes: int,
    least: Least = LEAST,
    progress: Progress = SILENT,
) -> OfflineProfile:
    """Time a model with its samples in batches, in fresh processes that share `least` among them.

    Samples lie in memory before the clock starts; putting them in place is timed. Raises RefusedInput and DeviceFailed.
    """
    runtime = runtime_of(model, hardware)
    require_batch(batch, runtime)
    share = least.share(processes)
    found: list[ModelResult] = []
    with visiting(device, hardware, model, runtime) as subject, progress.task(model.name, processes + 1) as task:
        placed = subject.placed(model.stem, threads)
        for process in range(processes):
            wanted = OfflineJob(
                name=f"offline-{process}",
                models=(placed,),
                seed=process,
                min_seconds=share.seconds,
                min_samples=max(1, share.queries),
                batch=batch,
            )
            found += job.run(subject.device, wanted, timeout_s=share.seconds + stream.GRACE_S).models
            task.advance()
        unsteady = [process for process, one in enumerate(found) if one.steady is False]
        head = subject.head(placed, found[0].runtime_version, unsteady)
        used = Energy(unavailable=f"of single inferences alone; these are batches of {batch}")
        if batch == 1:
            used = energy.measure(subject.device, placed, {}, hardware.energy_rails)
        task.advance()
    runs = tuple(one.offline for one in found if one.offline is not None)
    if len(runs) != processes:
        raise DeviceFailed(f"{len(runs)} runs came back", where=placed.name, allowed=f"{processes}")
    rates = [one.samples_per_second for one in runs]
    return OfflineProfile.model_validate(
        {
            **head,
            "energy": used,
            "batch": batch,
            "samples_per_second": sum(one.samples for one in runs) / sum(one.elapsed_ns for one in runs) * 1e9,
            "slowest": min(rates),
            "fastest": max(rates),
            "runs": runs,
        }
    )


def require_batch(batch: int, runtime: str) -> None:
    """Raise RefusedInput for a runtime whose files have their batch written in them."""
    if batch > 1 and runtime != ONNXRUNTIME:
        raise RefusedInput(
            f"{runtime} takes the batch that its file was made for", allowed="a batch of 1 (the default)"
        )
