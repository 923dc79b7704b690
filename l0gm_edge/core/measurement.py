"""The measurement: raw facts from a device. Percentiles are computed where they are needed, never stored."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from l0gm_edge.core.aggregates import Aggregates
from l0gm_edge.core.energy import Energy
from l0gm_edge.core.engine import EngineRun
from l0gm_edge.core.hardware import Execution
from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value

Nanoseconds = Annotated[int, Field(gt=0)]


class Conditions(Value):
    """The state of the machine at one moment; null and empty where it does not tell.

    Temperatures and power rails are by the device's own names; `throttled` are the reasons it gives for being slower
    than it can be, now or since it was started. `clocks_locked` says that the cores' clocks cannot vary.
    """

    time: Told
    load_1m: NonNegativeFloat | None = None
    governor: Told | None = None
    frequency_mhz: float | None = None
    temperature_c: float | None = None
    power_mode: Told | None = None
    temperatures_c: dict[Told, float] = Field(default_factory=dict)
    rails_mw: dict[Told, NonNegativeFloat] = Field(default_factory=dict)
    throttled: tuple[Told, ...] = ()
    throttled_since_boot: tuple[Told, ...] = ()
    clocks_locked: bool | None = None
    fan_pwm: NonNegativeInt | None = None


class HeldBack(Value):
    """A round of runs after which the device said that it is slowed down, and why."""

    process: NonNegativeInt
    round: NonNegativeInt
    reasons: Annotated[tuple[Told, ...], Field(min_length=1)]


class LayerTime(Value):
    """One operation's mean time in a profiled run; profiling slows a run, so read the shares, not the total.

    `node` is the number of the file's operator, where the runtime tells it.
    """

    name: Told
    op: Told
    mean_ns: Nanoseconds
    node: NonNegativeInt | None = None


class ProviderShare(Value):
    """What one of ONNX Runtime's execution providers ran: nodes of the model, and the time of its operators."""

    provider: Told
    nodes: NonNegativeInt
    ns: NonNegativeInt


class Block(Value):
    """Consecutive runs of one model; blocks of all models of a session alternate in random order."""

    process: NonNegativeInt
    round: NonNegativeInt
    latencies_ns: Annotated[tuple[Nanoseconds, ...], Field(min_length=1)]


class Measurement(Value):
    """What the agent brought back for one artifact.

    `session` names the interleaved run; blocks of two measurements of one session with the same (process, round)
    were taken side by side. `outputs` maps a split (validation, test) to a .npy file beside the record. `engine` is
    TensorRT's. Where nothing could be measured, `unmeasured` says why, and there is nothing else; where a native runner
    timed it, there are its `aggregates`, a process each, its load times and its memory.
    """

    artifact: str
    artifact_sha256: str
    hardware: str
    execution: Execution
    runtime: str
    runtime_version: str
    threads: PositiveInt
    machine: dict[str, str]
    session: str
    warmup_runs: NonNegativeInt
    blocks: tuple[Block, ...]
    load_ns: tuple[Nanoseconds, ...]
    peak_memory_bytes: PositiveInt | None
    energy: Energy = Energy()
    held_back: tuple[HeldBack, ...] = ()
    layers: tuple[LayerTime, ...] = ()
    fallback_ops: tuple[Told, ...] = ()
    engine: EngineRun | None = None
    unmeasured: Told | None = None
    aggregates: tuple[Aggregates, ...] = ()
    providers: tuple[ProviderShare, ...] = ()
    conditions_before: Conditions
    conditions_after: Conditions
    outputs: dict[str, str]
    outputs_sha256: dict[str, str]
    time: str
    commit: str | None
    dirty: bool | None

    @model_validator(mode="after")
    def _figures_only_from_hardware(self) -> Self:
        figures = self.blocks or self.aggregates or self.load_ns or self.peak_memory_bytes or self.energy.mj
        if self.execution is not Execution.HARDWARE and figures:
            raise ValueError(f"latency, memory and energy cannot come from {self.execution} execution")
        return self

    @property
    def latencies_ns(self) -> tuple[int, ...]:
        """Every timed run, in the order taken."""
        return tuple(ns for block in self.blocks for ns in block.latencies_ns)
