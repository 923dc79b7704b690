"""A model without a pause for minutes: latency, temperature and clock over time, and where they come to rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.profiled import Point, StreamWindow, SustainedProfile, quarters
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.devices import Device
from l0gm_edge.measure import stream
from l0gm_edge.measure.profiled import visiting
from l0gm_edge.measure.single import runtime_of
from l0gm_edge.measure.stream import Least

POINTS = 120
SHORTEST_WINDOW_S = 0.5
STEADY = 0.05
"""How far from where it ends up a window's median may be to count as at rest."""
SILENT = Silent()


def profile_sustained(
    device: Device,
    hardware: HardwareProfile,
    model: Path,
    *,
    threads: int | None,
    seconds: float,
    progress: Progress = SILENT,
) -> SustainedProfile:
    """Run a model for so long in one process, in up to 120 windows. Raises RefusedInput and DeviceFailed."""
    runtime = runtime_of(model, hardware)
    window_s = max(seconds / POINTS, SHORTEST_WINDOW_S)
    windows = math.ceil(seconds / window_s)
    with visiting(device, hardware, model, runtime) as subject, progress.task(model.name, windows) as task:
        placed = subject.placed(model.stem, threads)
        least = Least(seconds=seconds)
        found = stream.run(subject.device, placed, least, window_s, told=stream.showing(task))
        head = subject.head(placed, found.runtime_version)
    if not found.windows:
        raise DeviceFailed("no window of runs came back", where=placed.name)
    points = tuple(_point(one) for one in found.windows)
    return SustainedProfile.model_validate(
        {
            **head,
            "asked_s": seconds,
            "runs": sum(one.runs for one in found.windows),
            "drift": drift(points),
            "steady_after_s": steady_after(points),
            "points": points,
            "windows": found.windows,
        }
    )


def drift(points: Sequence[Point]) -> float:
    """How many times the latency of the first quarter the last one takes."""
    first, last = quarters(points)
    return last / first


def steady_after(points: Sequence[Point]) -> float | None:
    """The seconds after which no window's median leaves the last quarter's by more than 5 %; None where only the last
    does not."""
    _, end = quarters(points)
    off = [index for index, one in enumerate(points) if abs(one.p50_ns / end - 1) > STEADY]
    first = off[-1] + 1 if off else 0
    if first >= len(points) - 1 and len(points) > 1:
        return None
    return points[first - 1].seconds if first else 0.0


def _point(window: StreamWindow) -> Point:
    p50, p90 = np.quantile(window.latencies_ns, [0.5, 0.9], method="inverted_cdf")
    return Point(
        seconds=window.ended_ns / 1e9,
        runs=window.runs,
        p50_ns=float(p50),
        p90_ns=float(p90),
        temperature_c=window.state.temperature_c,
        frequency_mhz=window.state.frequency_mhz,
        held_back=window.state.throttled,
    )
