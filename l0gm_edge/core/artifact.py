"""The artifact: one model file, what it takes and gives, and what it was made from."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from l0gm_edge.core.value import Value


class Role(StrEnum):
    """Which model the file holds: the dense reference, the compressed one, or an almost empty graph (the floor)."""

    DENSE = "dense"
    COMPRESSED = "compressed"
    FLOOR = "floor"


class Affine(Value):
    """How integers stand for real numbers: (integer - zero_point) * scale."""

    scale: PositiveFloat
    zero_point: int


class TensorSpec(Value):
    """A named input or output; the batch axis, always first, is written as its fixed size.

    Integers that stand for real numbers have a `quantization`; token ids have none.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Affine | None = None


class Artifact(Value):
    """A model file for one runtime; `path` is relative to the folder of the stage that made it.

    `calibration_sha256` is the digest of the samples that ranges were taken from, where the scheme has ranges.
    `float_ops` are those of `ops` that compute in floats, where the runtime's files tell. `problems` are what a look at
    its operators found wrong, in words, and `notes` how it came to be as it is.
    """

    name: str
    role: Role
    runtime: str
    scheme: str
    path: str
    sha256: str
    size_bytes: NonNegativeInt
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parent_sha256: str | None = None
    recipe_sha256: str | None
    calibration_sha256: str | None = None
    tools: dict[str, str]
    ops: dict[str, int]
    float_ops: dict[str, PositiveInt] = Field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
