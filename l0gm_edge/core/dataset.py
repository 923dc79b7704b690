"""Data sets as the stages see them: named numpy arrays per modality, labels, and four fixed splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat, PositiveFloat, model_validator

from l0gm_edge.core.errors import DataError
from l0gm_edge.core.value import Value

Array = NDArray[np.float32]
Tokens = NDArray[np.int64]
Values = Array | Tokens
"""What an input holds: real numbers, or whole ones that are looked up (token ids, from 0)."""
Labels = NDArray[np.int64]
SPLITS = ("train", "validation", "calibration", "test")


class Normalization(Value):
    """How an input is made from raw data: (raw - mean) / std; one of each, or one for each entry of the first axis."""

    mean: Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]
    std: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if len(self.mean) != len(self.std):
            raise ValueError(f"{len(self.mean)} means and {len(self.std)} deviations")
        return self


@dataclass(frozen=True)
class Split:
    """Rows of one split: `inputs[modality]` is float32 or int64 (n, *shape); `labels` is int64 (n,)."""

    inputs: Mapping[str, Values]
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64] | slice) -> Split:
        """The given rows, in the given order."""
        return Split({name: values[rows] for name, values in self.inputs.items()}, self.labels[rows])


@dataclass(frozen=True)
class Dataset:
    """A named data set. Train learns, validation chooses, calibration sets ranges, test is only ever reported.

    `normalization` tells, for inputs that were made from raw data that way, what an app has to do with its own.
    """

    name: str
    shapes: Mapping[str, tuple[int, ...]]
    classes: tuple[str, ...]
    train: Split
    validation: Split
    calibration: Split
    test: Split
    normalization: Mapping[str, Normalization] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for split_name in SPLITS:
            _require_sound(self, split_name, getattr(self, split_name))
        for name, known in self.normalization.items():
            if name not in self.shapes:
                raise DataError(
                    f"there is a normalization of {name}, which is no modality",
                    where=f"data set {self.name}",
                    allowed=", ".join(self.shapes),
                )
            if len(known.mean) not in (1, *self.shapes[name][:1]):
                raise DataError(
                    f"the normalization of {name} has {len(known.mean)} means",
                    where=f"data set {self.name}",
                    allowed="one, or one for each entry of the first axis",
                )

    @property
    def sha256(self) -> str:
        """Digest of every array of every split."""
        digest = hashlib.sha256()
        for split_name in SPLITS:
            split: Split = getattr(self, split_name)
            for name in sorted(split.inputs):
                digest.update(f"{split_name}/{name}{split.inputs[name].shape}".encode())
                digest.update(np.ascontiguousarray(split.inputs[name]).tobytes())
            digest.update(np.ascontiguousarray(split.labels).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Prompted(Dataset):
    """A data set whose classes can be told in one of its modalities: `prompts[modality]` is (classes, *shape)."""

    prompts: Mapping[str, Values] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, values in self.prompts.items():
            _require_values(f"data set {self.name}, prompts", name, values, (len(self.classes), *self.shapes[name]))


def _require_sound(dataset: Dataset, split_name: str, split: Split) -> None:
    where = f"data set {dataset.name}, split {split_name}"
    if set(split.inputs) != set(dataset.shapes):
        raise DataError(
            f"modalities {sorted(split.inputs)} found where {sorted(dataset.shapes)} were promised", where=where
        )
    if len(split) == 0:
        raise DataError("the split is empty", where=where, allowed="at least one row")
    for name, values in split.inputs.items():
        _require_values(where, name, values, (len(split), *dataset.shapes[name]))
    if split.labels.dtype != np.int64 or split.labels.min() < 0 or split.labels.max() >= len(dataset.classes):
        raise DataError("labels are out of range", where=where, allowed=f"int64 from 0 to {len(dataset.classes) - 1}")


def _require_values(where: str, name: str, values: Values, expected: tuple[int, ...]) -> None:
    if values.shape != expected or values.dtype not in (np.float32, np.int64):
        raise DataError(
            f"modality {name} has shape {values.shape} and type {values.dtype}",
            where=where,
            allowed=f"shape {expected} and type float32, or int64 for token ids",
        )
    if not np.isfinite(values).all():
        raise DataError(f"modality {name} holds NaN or infinity", where=where, allowed="finite numbers")
    if values.dtype == np.int64 and values.min(initial=0) < 0:
        raise DataError(f"modality {name} holds {values.min()}", where=where, allowed="token ids from 0")
