"""One inference after the other for a least time and a least number: MLPerf's single stream."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pydantic import NonNegativeFloat, NonNegativeInt, ValidationError

from l0gm_edge.core.measurement import Block, HeldBack
from l0gm_edge.core.progress import Task
from l0gm_edge.core.value import Value
from l0gm_edge.devices import Device
from l0gm_edge.measure import job
from l0gm_edge.measure.job import ModelFile, ModelResult, StreamJob
from l0gm_edge.measure.tasks import Timing

WINDOW_S = 1.0
GRACE_S = 1800.0
"""For what comes before and after the runs: loading, warming up, a slow disk."""


class Least(Value):
    """How long, and how often, at least; both count."""

    seconds: NonNegativeFloat = 0.0
    queries: NonNegativeInt = 0

    def share(self, processes: int) -> Least:
        """What each of so many processes does of it."""
        return Least(seconds=self.seconds / processes, queries=math.ceil(self.queries / processes))


class Moment(Value):
    """What the agent prints at the end of a window."""

    p50_ms: NonNegativeFloat
    temperature_c: float | None = None


def showing(task: Task) -> Callable[[str], None]:
    """What moves a task on by each window that is told of; any other line says nothing."""

    def told(line: str) -> None:
        try:
            found = Moment.model_validate_json(line)
        except ValidationError:
            return
        task.advance(**{name: value for name, value in found.model_dump().items() if value is not None})

    return told


def run(
    device: Device,
    model: ModelFile,
    least: Least,
    window_s: float,
    name: str = "stream",
    told: Callable[[str], object] | None = None,
) -> ModelResult:
    """One process of it; `told` is called with what it prints meanwhile. Raises DeviceFailed."""
    wanted = StreamJob(
        name=name,
        models=(model,),
        min_seconds=least.seconds,
        min_runs=least.queries,
        window_seconds=window_s,
    )
    return job.run(device, wanted, timeout_s=least.seconds + GRACE_S, told=told).models[0]


def time(
    device: Device, model: ModelFile, least: Least, processes: int, step: Callable[[], None] = lambda: None
) -> tuple[Timing, int]:
    """The runs of fresh processes that share `least` among them, a block a window, and how many runs that was.

    `step` is called after each process. Raises DeviceFailed.
    """
    found = []
    for process in range(processes):
        found.append(run(device, model, least.share(processes), WINDOW_S, f"stream-{process}"))
        step()
    return _timing(found), sum(window.runs for one in found for window in one.windows)


def _timing(found: Sequence[ModelResult]) -> Timing:
    windows = [(process, number, one) for process, of in enumerate(found) for number, one in enumerate(of.windows)]
    return Timing(
        blocks=tuple(
            Block(process=process, round=number, latencies_ns=one.latencies_ns) for process, number, one in windows
        ),
        warmup_runs=tuple(one.warmup_runs for one in found),
        unsteady=tuple(process for process, one in enumerate(found) if one.steady is False),
        held_back=tuple(
            HeldBack(process=process, round=number, reasons=one.state.throttled)
            for process, number, one in windows
            if one.state.throttled
        ),
    )
