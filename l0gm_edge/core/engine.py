"""TensorRT engines: what a device is told to build from, what a front end said of it, what the device made of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.told import PlainText, Told
from l0gm_edge.core.value import Value
from l0gm_edge.ondevice.tensorrt_build import FIRST_WITHOUT_CALIBRATOR, LAST_WITH_DLA, numbers

Version = Annotated[str, Field(pattern=r"^\d+(\.\d+){0,3}$")]
Axes = tuple[PositiveInt, ...]
OptionName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
Tool = Literal["tensorrt", "trtexec", "tensorrt_rtx_bindings"]
TENSORRT = "tensorrt"
IMPLICIT = "implicit_int8"
"""The scheme in which TensorRT 10 itself quantizes, with the rows that it is sent."""
# Options that other keys own, and those by which TensorRT 10 would choose precision itself; TensorRT 11 lacks them.
_OWNED = frozenset(
    {
        *("onnx", "saveEngine", "loadEngine", "minShapes", "optShapes", "maxShapes", "memPoolSize", "timingCacheFile"),
        *("builderOptimizationLevel", "useDLACore", "allowGPUFallback", "stronglyTyped", "profilingVerbosity"),
    }
)
_PRECISION = frozenset({"fp16", "bf16", "int8", "int4", "fp8", "best", "calib", "noTF32", "precisionConstraints"})


class Shapes(Value):
    """The least, the usual and the largest shape of an input with free axes."""

    least: Axes
    usual: Axes
    largest: Axes

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        rows = (self.least, self.usual, self.largest)
        if len({len(row) for row in rows}) != 1 or any(not a <= b <= c for a, b, c in zip(*rows, strict=True)):
            raise ValueError("least, usual and largest must have equally many axes, each least <= usual <= largest")
        return self


class EngineSettings(Value):
    """How a device builds: shapes of inputs with free axes, memory, effort, DLA, cache, further trtexec options.

    `oldest` and `before` bound the TensorRT versions that may build; DLA is on no version after 10.7. `builder` is what
    builds and runs, by default Python's tensorrt, or else trtexec; TensorRT-RTX only where it is asked for.
    """

    shapes: dict[str, Shapes] = Field(default_factory=dict)
    workspace_mb: PositiveInt | None = None
    optimization_level: Annotated[int, Field(ge=0, le=5)] | None = None
    dla_core: NonNegativeInt | None = None
    timing_cache: bool = True
    trtexec: dict[OptionName, str | None] = Field(default_factory=dict)
    builder: Tool | None = None
    oldest: Version = "10.3"
    before: Version = "12"

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if numbers(self.oldest) >= numbers(self.before):
            raise ValueError(f"no TensorRT is at least {self.oldest} and before {self.before}")
        if self.dla_core is not None and numbers(self.oldest)[:2] > LAST_WITH_DLA:
            raise ValueError(f"no TensorRT after 10.7 has DLA, and oldest is {self.oldest}")
        if owned := sorted(self.trtexec.keys() & _OWNED):
            raise ValueError(f"trtexec.{owned[0]} is set from other keys")
        if chosen := sorted(self.trtexec.keys() & _PRECISION):
            raise ValueError(f"trtexec.{chosen[0]}: precision is in the ONNX file; choose another scheme")
        return self

    @property
    def excludes_calibrator(self) -> bool:
        """No TensorRT that may build can calibrate."""
        return numbers(self.oldest) >= FIRST_WITHOUT_CALIBRATOR


class Answer(StrEnum):
    """What a front end, TensorRT's parser and builder, made of a file; what was not asked is not verified."""

    BUILT = "built"
    REFUSED = "refused"
    NOT_VERIFIED = "not verified"


class FrontEnd(Value):
    """The answer, who gave it (package and version), why, and how many layers the network got."""

    answer: Answer
    by: str | None
    reason: str
    layers: NonNegativeInt | None = None


class EngineDescription(Value):
    """Shipped beside the ONNX file: its digest, inputs, outputs, settings, and the precision asked of each heavy node.

    Free axes of inputs and outputs are written -1. `precisions` are int8, fp16, bf16 or fp32 by node name. Where
    TensorRT's own calibrator is to quantize they are wishes, and `calibration_sha256` is the digest of the rows beside.
    """

    model: str
    sha256: str
    scheme: str
    opset: PositiveInt
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    precisions: dict[str, str]
    calibration_sha256: str | None = None
    settings: EngineSettings
    front_end: FrontEnd


class EngineKey(Value):
    """All that an engine depends on; a change of any makes another engine. `build_sha256` is the digest of settings and
    calibration rows; `jetpack` is null off a Jetson."""

    onnx_sha256: str
    build_sha256: str
    tool: Tool
    tensorrt: str
    compute_capability: Annotated[str, Field(pattern=r"^\d+\.\d+$")]
    jetpack: str | None


class EngineRun(Value):
    """An engine as its device built and ran it.

    `by` is tool and version, `timing` what the clock ran around. `layers` is what the engine's inspector said, as it
    said it (JSON). `asked` are the precisions that its description asks for; `chosen_by_tensorrt`, that they were
    TensorRT's to choose. Key, build time and layers are null for an engine that was brought.
    """

    by: Told
    key: EngineKey | None
    engine_sha256: str
    size_bytes: PositiveInt
    build_seconds: NonNegativeFloat | None
    timing: Told
    layers: PlainText | None
    asked: dict[str, str]
    chosen_by_tensorrt: bool
