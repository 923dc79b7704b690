"""TensorRT engines: what a device is told to build from, what a front end said of it, the key one is kept under."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from l0gm_edge.core import store
from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.value import Value

Version = Annotated[str, Field(pattern=r"^\d+(\.\d+){0,3}$")]
Axes = tuple[PositiveInt, ...]
OptionName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
LAST_WITH_DLA = "10.7"
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

    `oldest` and `before` bound the TensorRT versions that may build; DLA is on no version after 10.7.
    """

    shapes: dict[str, Shapes] = Field(default_factory=dict)
    workspace_mb: PositiveInt | None = None
    optimization_level: Annotated[int, Field(ge=0, le=5)] | None = None
    dla_core: NonNegativeInt | None = None
    timing_cache: bool = True
    trtexec: dict[OptionName, str | None] = Field(default_factory=dict)
    oldest: Version = "10.3"
    before: Version = "12"

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if numbers(self.oldest) >= numbers(self.before):
            raise ValueError(f"no TensorRT is at least {self.oldest} and before {self.before}")
        if self.dla_core is not None and numbers(self.oldest)[:2] > numbers(LAST_WITH_DLA):
            raise ValueError(f"no TensorRT after {LAST_WITH_DLA} has DLA, and oldest is {self.oldest}")
        if owned := sorted(self.trtexec.keys() & _OWNED):
            raise ValueError(f"trtexec.{owned[0]} is set from other keys")
        if chosen := sorted(self.trtexec.keys() & _PRECISION):
            raise ValueError(f"trtexec.{chosen[0]}: precision is in the ONNX file; choose another scheme")
        return self

    @property
    def range(self) -> str:
        """The versions that may build, in words."""
        with_dla = "" if self.dla_core is None else f", with DLA no later than {LAST_WITH_DLA}"
        return f"{self.oldest} and later, before {self.before}{with_dla}"

    def allows(self, version: str) -> bool:
        """Whether a TensorRT of this version may build. Raises RefusedInput for what is no version."""
        found = numbers(version)
        with_dla = self.dla_core is None or found[:2] <= numbers(LAST_WITH_DLA)
        return numbers(self.oldest) <= found < numbers(self.before) and with_dla


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

    Free axes of inputs and outputs are written -1. `precisions` are int8, fp16, bf16 or fp32 by node name.
    """

    model: str
    sha256: str
    scheme: str
    opset: PositiveInt
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    precisions: dict[str, str]
    settings: EngineSettings
    front_end: FrontEnd


class EngineKey(Value):
    """All that an engine depends on; a change of any makes another engine. `jetpack` is null off a Jetson."""

    onnx_sha256: str
    settings_sha256: str
    tensorrt: Version
    compute_capability: Annotated[str, Field(pattern=r"^\d+\.\d+$")]
    jetpack: str | None

    @property
    def file(self) -> str:
        """The name of the engine's file in a cache."""
        return f"{store.value_sha256(self)}.engine"


def engine_key(
    description: EngineDescription, tensorrt: str, compute_capability: str, jetpack: str | None
) -> EngineKey:
    """The key of the engine that this device would build from a description."""
    return EngineKey(
        onnx_sha256=description.sha256,
        settings_sha256=store.value_sha256(description.settings),
        tensorrt=tensorrt,
        compute_capability=compute_capability,
        jetpack=jetpack,
    )


def trtexec_options(description: EngineDescription, tensorrt: str, engine: str, timing_cache: str) -> tuple[str, ...]:
    """What `trtexec` of this version is called with to build `engine`, in an order that never changes."""
    settings = description.settings
    options: dict[str, str | None] = {"onnx": description.model, "saveEngine": engine, "profilingVerbosity": "detailed"}
    if numbers(tensorrt) < (11,):
        options["stronglyTyped"] = None  # the only way from 11 on
    for option, kind in (("minShapes", "least"), ("optShapes", "usual"), ("maxShapes", "largest")):
        if settings.shapes:
            options[option] = ",".join(
                f"{name}:{'x'.join(map(str, getattr(shapes, kind)))}"
                for name, shapes in sorted(settings.shapes.items())
            )
    if settings.workspace_mb is not None:
        options["memPoolSize"] = f"workspace:{settings.workspace_mb}M"
    if settings.optimization_level is not None:
        options["builderOptimizationLevel"] = str(settings.optimization_level)
    if settings.dla_core is not None:
        options |= {"useDLACore": str(settings.dla_core), "allowGPUFallback": None}
    if settings.timing_cache:
        options["timingCacheFile"] = timing_cache
    options |= dict(sorted(settings.trtexec.items()))
    return tuple(f"--{name}" if value is None else f"--{name}={value}" for name, value in options.items())


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers to compare: `10.3.0` gives (10, 3, 0). Raises RefusedInput for what is none."""
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise RefusedInput(f"'{version}' is no version", allowed="numbers with dots between them, such as 10.3.0")
    return tuple(int(part) for part in parts)
