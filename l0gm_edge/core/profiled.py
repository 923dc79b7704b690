"""What profiling one model file found: latency, load times, memory, operators, and the device meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

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


def shares(layers: Sequence[LayerTime]) -> tuple[float, ...]:
    """Each operator's share of the profiled total. Profiling slows a run: these, not the times, are to be trusted."""
    total = sum(layer.mean_ns for layer in layers)
    return tuple(layer.mean_ns / total for layer in layers)
