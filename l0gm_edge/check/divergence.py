"""The first layer whose output leaves that of the fp32 twin: where to look when parity fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from l0gm_edge.check import tensors
from l0gm_edge.check.tensors import Floats, Tensor
from l0gm_edge.core.dataset import Values

LIMIT = 0.1


def first_divergence(runtime: str, float_file: Path, other_file: Path, inputs: Mapping[str, Values]) -> str | None:
    """The first layer of the fp32 file that the other file computes differently by more than 10 %, or None.

    `inputs[name]` is (n, *shape); a few rows are enough. Tensors are matched by name, which our quantizers keep. None
    too when the runtime's files cannot be looked into.
    """
    if runtime not in tensors.names():
        return None
    reader = tensors.plugin(runtime)
    return first_apart(reader.tensors(float_file, inputs), reader.tensors(other_file, inputs))


def first_apart(reference: Mapping[str, Tensor], other: Mapping[str, Tensor], limit: float = LIMIT) -> str | None:
    """The layer of the first tensor, in the reference's order, that differs by more than `limit`, or None."""
    for name, (layer, wanted) in reference.items():
        if (
            name in other
            and other[name].values.shape == wanted.shape
            and relative_error(other[name].values, wanted) > limit
        ):
            return layer
    return None


def relative_error(found: Floats, wanted: Floats) -> float:
    """Size of the difference over size of the wanted (2-norms); NaN and infinity are as far off as can be."""
    difference = float(np.linalg.norm((found.astype(np.float64) - wanted).ravel()))
    size = float(np.linalg.norm(wanted.astype(np.float64).ravel()))
    error = difference / size if size else difference
    return error if np.isfinite(error) else float("inf")
