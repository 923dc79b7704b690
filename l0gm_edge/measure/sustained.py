"""A model without a pause for minutes: latency, temperature and clock over time, and where they come to rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.profiled import Profiled
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value
from l0gm_edge.devices import Device
from l0gm_edge.measure import stream
from l0gm_edge.measure.job import StreamWindow
from l0gm_edge.measure.profiled import visiting
from l0gm_edge.measure.single import runtime_of
from l0gm_edge.measure.stream import Least

POINTS = 120
SHORTEST_WINDOW_S = 0.5
STEADY = 0.05
"""How far from where it ends up a window's median may be to count as at rest."""
SILENT = Silent()


class Point(Value):
    """One window: its end in seconds since the beginning, and what it was like; null where the device does not tell."""

    seconds: PositiveFloat
    runs: PositiveInt
    p50_ns: PositiveFloat
    p90_ns: PositiveFloat
    temperature_c: float | None
    frequency_mhz: float | None
    held_back: tuple[Told, ...]


class SustainedProfile(Profiled):
    """A long run.

    `drift` is the median latency of the last quarter to that of the first; `steady_after_s` is from when on every
    window stays within 5 % of the last quarter, null where none does but the very last.
    """

    asked_s: PositiveFloat
    runs: PositiveInt
    drift: PositiveFloat
    steady_after_s: NonNegativeFloat | None
    points: tuple[Point, ...]
    windows: tuple[StreamWindow, ...]


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
    quarter = max(1, len(points) // 4)
    return median(one.p50_ns for one in points[-quarter:]) / median(one.p50_ns for one in points[:quarter])


def steady_after(points: Sequence[Point]) -> float | None:
    """The seconds after which no window's median leaves the last quarter's by more than 5 %; None where only the last
    does not."""
    end = median(one.p50_ns for one in points[-max(1, len(points) // 4) :])
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
