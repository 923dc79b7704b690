"""The hardware profile: what is known of a device, each published fact with its source, unknown null."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from l0gm_edge.core.engine import IMPLICIT, TENSORRT, EngineSettings
from l0gm_edge.core.opening import Opening
from l0gm_edge.core.runner import Runner
from l0gm_edge.core.session import Session
from l0gm_edge.core.value import PlugIn, Value

T = TypeVar("T")


class Fact(Value, Generic[T]):
    """A published figure and where it was published; a null value means unknown and needs no source."""

    value: T | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _sourced(self) -> Self:
        if self.value is not None and not self.source:
            raise ValueError("a fact needs its source; leave the value null when it is not known")
        return self


class Execution(StrEnum):
    """Whether figures come from real hardware, an emulator, or a stand-in used in tests."""

    HARDWARE = "hardware"
    EMULATED = "emulated"
    FAKE = "fake"


ONNXRUNTIME = "onnxruntime"
TFLITE = "tflite"
MIXED = "mixed_int8"
"""The scheme whose layers are chosen by what is measured on the device."""


class Runtime(Value):
    """One runtime that the device ships; `required` runtimes must each end with a chosen artifact.

    `session` is how ONNX Runtime opens models, `engine` how the device builds TensorRT's engines, `runner` what runs
    TFLite models where there is no Python; other runtimes have none of them.
    """

    name: PlugIn
    versions: str | None = None
    schemes: Annotated[tuple[str, ...], Field(min_length=1)]
    required: bool = True
    session: Session = Session()
    engine: EngineSettings | None = None
    runner: Runner | None = None

    @model_validator(mode="after")
    def _only_tflite_has_runners(self) -> Self:
        if self.runner is not None and self.name != TFLITE:
            raise ValueError(f"runner goes with name: {TFLITE}; found {self.name}")
        if self.runner is not None and MIXED in self.schemes:
            raise ValueError(f"{MIXED} is found by profiling layers with Python on the device, not by a runner")
        return self

    @model_validator(mode="after")
    def _only_onnxruntime_has_sessions(self) -> Self:
        if self.name != ONNXRUNTIME and self.session != Session():
            raise ValueError(f"session goes with name: {ONNXRUNTIME}; found {self.name}")
        return self

    @model_validator(mode="after")
    def _only_tensorrt_has_engines(self) -> Self:
        if self.engine is not None and self.name != TENSORRT:
            raise ValueError(f"engine goes with name: {TENSORRT}; found {self.name}")
        if self.engine is not None and self.engine.excludes_calibrator and IMPLICIT in self.schemes:
            raise ValueError(
                f"{IMPLICIT} needs the calibrator of TensorRT 10, and engine.oldest is {self.engine.oldest}"
            )
        return self


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9:_][A-Za-z0-9.:_%-]*", text):
        raise ValueError("no host name, IP address or serial number: letters, digits and . : _ % -, no - in front")
    return text


def _user(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", text):
        raise ValueError("no user name: letters, digits and . _ -, no - in front")
    return text


def _program(text: str) -> str:
    if not text or text.startswith("-") or not text.isprintable():
        raise ValueError("no program: a name or path, no - in front")
    return text


Host = Annotated[str, AfterValidator(_host)]
User = Annotated[str, AfterValidator(_user)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Jump(Value):
    """A machine through which another is reached."""

    address: Host
    port: Port = 22
    user: User | None = None


class Transport(Value):
    """How the device is reached, and which Python there has its runtimes (by default, locally, our own).

    Over ADB, `address` is the serial number and `port` that of the adb server. Paths may begin with ~. Without
    `key_files`, the running agent and the usual files of ~/.ssh are asked.
    """

    kind: PlugIn = "local"
    address: Host | None = None
    port: Port | None = None
    user: User | None = None
    key_files: tuple[str, ...] = ()
    known_hosts: str = "~/.ssh/known_hosts"
    jump: Jump | None = None
    keepalive_s: PositiveFloat = 15.0
    reconnect_s: Annotated[float, Field(ge=0)] = 60.0
    python: Annotated[str, AfterValidator(_program)] | None = None

    @model_validator(mode="after")
    def _here_or_elsewhere(self) -> Self:
        given = [name for name in ("address", "port", "user", "key_files", "jump") if getattr(self, name)]
        if self.kind == "local" and given:
            raise ValueError(f"kind local is this machine, which has no {' and no '.join(given)}; is it kind: ssh?")
        of_ssh = [name for name in given if name not in ("address", "port")]
        if self.kind == "adb" and of_ssh:
            raise ValueError(f"kind adb has a serial number as its address, and no {' and no '.join(of_ssh)}")
        return self


class Budgets(Value):
    """What one inference may take on this device; null means no limit."""

    p50_ms: PositiveFloat | None = None
    p90_ms: PositiveFloat | None = None
    load_ms: PositiveFloat | None = None
    peak_memory_mb: PositiveFloat | None = None
    energy_mj: PositiveFloat | None = None
    file_mb: PositiveFloat | None = None
    max_accuracy_drop_points: Annotated[float, Field(ge=0)] | None = None
    max_ece: Annotated[float, Field(gt=0, le=1)] | None = None


class Regression(Value):
    """How much worse than its baseline a candidate may be and still pass the gate (`compare`).

    Ratios are candidate to baseline; accuracy is in percentage points, ECE in 0..1.
    """

    max_latency_ratio: Annotated[float, Field(ge=1)] = 1.025
    max_load_ratio: Annotated[float, Field(ge=1)] = 1.25
    max_memory_ratio: Annotated[float, Field(ge=1)] = 1.1
    max_size_ratio: Annotated[float, Field(ge=1)] = 1.02
    max_accuracy_drop_points: Annotated[float, Field(ge=0)] = 0.5
    max_ece_increase: Annotated[float, Field(ge=0)] = 0.01


class ChannelMultiple(Value):
    """Widths that the device runs at full speed are multiples of these, per kind of layer."""

    convolution: PositiveInt = 1
    linear: PositiveInt = 1


class Preparing(StrEnum):
    """Whether a device is only held against the settings that its profile names, or also given them."""

    ASSERT = "assert"
    SET = "set"


class HardwareProfile(Value):
    """A device: identity, runtimes, geometry, conditions, transport, budgets, and what counts as a regression."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    execution: Execution = Execution.HARDWARE
    chipset: Fact[str] = Fact[str]()
    module: Fact[str] = Fact[str]()
    software: Fact[str] = Fact[str]()
    cpu_cores: Fact[int] = Fact[int]()
    cpu_mhz: Fact[float] = Fact[float]()
    memory_gb: Fact[float] = Fact[float]()
    memory_gb_per_s: Fact[float] = Fact[float]()
    compute_capability: Fact[str] = Fact[str]()
    int8_tops: Fact[float] = Fact[float]()
    dla_cores: Fact[int] = Fact[int]()
    power_w: Fact[str] = Fact[str]()
    runtimes: Annotated[tuple[Runtime, ...], Field(min_length=1)]
    channel_multiple: ChannelMultiple = ChannelMultiple()
    threads: PositiveInt = 1
    power_mode: str | None = None
    governor: str | None = None
    clocks: Literal["max"] | None = None
    fan: Annotated[int, Field(ge=0, le=255)] | None = None
    affinity: Annotated[tuple[NonNegativeInt, ...], Field(max_length=1024)] = ()
    conditions: Preparing = Preparing.ASSERT
    energy_rails: tuple[str, ...] = ()
    max_temperature_c: PositiveFloat | None = None
    transport: Transport = Transport()
    budgets: Budgets = Budgets()
    regression: Regression = Regression()

    @model_validator(mode="after")
    def _runtimes_differ(self) -> Self:
        names = [runtime.name for runtime in self.runtimes]
        if len(set(names)) != len(names):
            raise ValueError(f"each runtime may stand once; found {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _cores_do(self) -> Self:
        if len(set(self.affinity)) != len(self.affinity):
            raise ValueError(f"each core may stand once in affinity; found {', '.join(map(str, self.affinity))}")
        if self.affinity and self.threads > len(self.affinity):
            raise ValueError(f"{self.threads} threads do not fit on the {len(self.affinity)} cores of affinity")
        return self

    @model_validator(mode="after")
    def _something_is_set(self) -> Self:
        if self.conditions is Preparing.SET and not self.wanted:
            raise ValueError("conditions: set needs something to set: power_mode, governor, clocks or fan")
        return self

    @model_validator(mode="after")
    def _a_runner_stands_alone(self) -> Self:
        if self.runner is None:
            return self
        if len(self.runtimes) > 1:
            others = ", ".join(one.name for one in self.runtimes if one.runner is None)
            raise ValueError(f"a runner is for a device without Python, which {others} would need")
        if self.transport.python is not None:
            raise ValueError("transport.python and a runner contradict each other: models run in one of them")
        if self.conditions is Preparing.SET:
            raise ValueError("conditions: set needs Python on the device; with a runner they can be asserted")
        return self

    @property
    def runner(self) -> Runner | None:
        """The program that runs models where the device has no Python; then it is the only runtime's."""
        return next((one.runner for one in self.runtimes if one.runner is not None), None)

    @property
    def wanted(self) -> dict[str, str | int]:
        """The settings of the device that the profile names, by key."""
        named = ("power_mode", "governor", "clocks", "fan")
        return {name: value for name in named if (value := getattr(self, name)) is not None}

    def runtime(self, name: str) -> Runtime | None:
        """The runtime of this name, if the device has it."""
        return next((one for one in self.runtimes if one.name == name), None)

    def opening(self, runtime: str) -> Opening:
        """How a runtime opens a model on this device."""
        found = self.runtime(runtime)
        return found.session.opening().model_copy(update={"engine": found.engine}) if found else Opening()

    @property
    def shareable(self) -> HardwareProfile:
        """The profile without the way to the device, and to a runner here, which are their owner's business alone."""
        found = self._with_runner(lambda runner: runner.model_copy(update={"path": PurePath(runner.path).name}))
        return found.model_copy(update={"transport": Transport(kind=self.transport.kind)})

    def seen_from(self, folder: Path) -> HardwareProfile:
        """The profile with its relative paths made whole."""
        return self._with_runner(lambda runner: runner.seen_from(folder))

    def _with_runner(self, change: Callable[[Runner], Runner]) -> HardwareProfile:
        runtimes = [
            one.model_copy(update={"runner": change(one.runner)}) if one.runner else one for one in self.runtimes
        ]
        return self.model_copy(update={"runtimes": tuple(runtimes)})
