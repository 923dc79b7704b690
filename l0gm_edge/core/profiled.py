"""What profiling one model file found: latency, load times, memory, operators, and the device meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from l0gm_edge.core.aggregates import Aggregates
from l0gm_edge.core.energy import Energy
from l0gm_edge.core.engine import EngineRun
from l0gm_edge.core.measurement import Block, Conditions, HeldBack, LayerTime, Nanoseconds, ProviderShare
from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value


class State(Value):
    """The device at one moment: `machine` does not change, `conditions` do."""

    machine: dict[Told, Told]
    conditions: Conditions


class OperatorTimes(Value):
    """Operators in the order they run; `fallback_ops` were left outside the runtime's fast path. `providers` are those
    of ONNX Runtime that ran something, and `graph` is where the device left the graph that ran, if it was asked to."""

    layers: tuple[LayerTime, ...] = ()
    fallback_ops: tuple[Told, ...] = ()
    providers: tuple[ProviderShare, ...] = ()
    unavailable: str | None = None
    graph: str | None = None


class Percentile(Value):
    """One percentile with its 95 % interval; `bound_ns`: it is no more, with 99 % confidence (MLPerf's early stopping).

    Null where the runs are fewer than `runs_needed`, and `why` says so.
    """

    q: int
    runs_needed: int
    value_ns: float | None = None
    interval_ns: tuple[float, float] | None = None
    bound_ns: float | None = None
    why: str | None = None

    @property
    def missing(self) -> str:
        """Why there is no figure."""
        return self.why or f"needs {self.runs_needed} runs"


class Profiled(Value):
    """What every profile of one model file tells; `warnings` hold all of `disturbed`, which make it worth nothing."""

    model: str
    sha256: str
    size_bytes: int
    hardware: str
    runtime: str
    runtime_version: str
    threads: int
    before: State
    after: State
    warnings: tuple[str, ...]
    disturbed: tuple[str, ...] = ()
    energy: Energy = Energy(unavailable="not measured")


class ModelProfile(Profiled):
    """What timing one model file found; of `runs` inferences, `blocks` hold all, or an even part."""

    percentiles: tuple[Percentile, ...]
    runs: int
    warmup_runs: tuple[int, ...]
    load_ns: tuple[Nanoseconds, ...]
    peak_memory_bytes: int | None
    operators: OperatorTimes | None
    engine: EngineRun | None = None
    held_back: tuple[HeldBack, ...] = ()
    blocks: tuple[Block, ...]


class AggregateProfile(Profiled):
    """What a native runner told of one model file, a process each; there are no samples, as `only` says."""

    only: Literal["aggregates"] = "aggregates"
    processes: Annotated[tuple[Aggregates, ...], Field(min_length=1)]
    peak_memory_bytes: int | None
    operators: OperatorTimes | None

    @property
    def load_ns(self) -> tuple[int, ...]:
        """Until the model could be run, in each process."""
        return tuple(one.init_ns for one in self.processes)


class StreamWindow(Value):
    """Consecutive runs of one model, of which `latencies_ns` keeps an even part; nanoseconds since the stream began."""

    began_ns: NonNegativeInt
    ended_ns: NonNegativeInt
    runs: PositiveInt
    latencies_ns: Annotated[tuple[Nanoseconds, ...], Field(min_length=1)]
    state: Conditions


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
    points: Annotated[tuple[Point, ...], Field(min_length=1)]
    windows: tuple[StreamWindow, ...]


class OfflineRun(Value):
    """How long it took to get through so many samples, in batches."""

    samples: PositiveInt
    elapsed_ns: Nanoseconds
    batch: PositiveInt

    @property
    def samples_per_second(self) -> float:
        """The throughput of this run."""
        return self.samples / self.elapsed_ns * 1e9


class OfflineProfile(Profiled):
    """Throughput over all of the processes; `slowest` and `fastest` are single ones."""

    batch: PositiveInt
    samples_per_second: PositiveFloat
    slowest: PositiveFloat
    fastest: PositiveFloat
    runs: Annotated[tuple[OfflineRun, ...], Field(min_length=1)]


class ThreadRow(Value):
    """One number of threads; `ratio` is its latency to that of the first row, with `interval`, null on few blocks."""

    threads: int
    percentiles: tuple[Percentile, ...]
    ratio: float | None
    interval: tuple[float, float] | None
    warmup_runs: tuple[int, ...]
    blocks: tuple[Block, ...]


class ThreadProfile(Profiled):
    """The rows in the order asked for; `threads` of the whole is the first's."""

    rows: Annotated[tuple[ThreadRow, ...], Field(min_length=1)]


def quarters(points: Sequence[Point]) -> tuple[float, float]:
    """The median latency (ns) of the first quarter's windows, and that of the last's."""
    count = max(1, len(points) // 4)
    first, last = (median(one.p50_ns for one in part) for part in (points[:count], points[-count:]))
    return first, last


def shares(layers: Sequence[LayerTime]) -> tuple[float, ...]:
    """Each operator's share of the profiled total. Profiling slows a run: these, not the times, are to be trusted."""
    total = sum(layer.mean_ns for layer in layers)
    return tuple(layer.mean_ns / total for layer in layers)
