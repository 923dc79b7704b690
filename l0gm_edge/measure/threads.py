"""One model with different numbers of threads, timed side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from l0gm_edge.core import latency
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.profiled import ThreadProfile, ThreadRow
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Measure
from l0gm_edge.devices import Device
from l0gm_edge.measure import tasks
from l0gm_edge.measure.profiled import percentiles, visiting
from l0gm_edge.measure.single import runtime_of

SILENT = Silent()


def profile_threads(
    device: Device,
    hardware: HardwareProfile,
    model: Path,
    *,
    threads: Sequence[int],
    settings: Measure,
    progress: Progress = SILENT,
) -> ThreadProfile:
    """Time a model with each of these numbers of threads, blocks of all in random order in the same processes.

    Raises RefusedInput and DeviceFailed.
    """
    runtime = runtime_of(model, hardware)
    with visiting(device, hardware, model, runtime) as subject, progress.task(model.name, settings.processes) as task:
        placed = [subject.placed(f"{model.stem}-{count}", count) for count in threads]
        timed = tasks.time_interleaved(subject.device, placed, {}, settings, task.advance)
        version = tasks.prepare(subject.device, placed[0]).runtime_version
        first = timed[placed[0].name]
        unsteady = sorted({process for one in timed.values() for process in one.unsteady})
        head = subject.head(placed[0], version, unsteady, first.held_back)
    rows = []
    for one in placed:
        timing = timed[one.name]
        ratio = latency.ratio(timing.blocks, first.blocks) if one is not placed[0] else latency.Estimate(1.0, 1.0, 1.0)
        rows.append(
            ThreadRow(
                threads=one.threads,
                percentiles=percentiles(timing.blocks),
                ratio=ratio.value if ratio else None,
                interval=(ratio.low, ratio.high) if ratio else None,
                warmup_runs=timing.warmup_runs,
                blocks=timing.blocks,
            )
        )
    return ThreadProfile.model_validate({**head, "rows": tuple(rows)})
