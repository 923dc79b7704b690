"""Ranges of activations from a calibration set, the same for every runtime: exact, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.errors import DataError
from l0gm_edge.core.recipe import Quantize, RangeMethod

Range = tuple[float, float]


def observe(runs: Iterable[Mapping[str, NDArray[Any]]], count: int, settings: Quantize) -> dict[str, Range]:
    """The range of every named tensor over `count` runs, each of which gives every tensor in its full shape.

    Percentile p leaves out the share 1 - p/100 of the values at either end; min-max leaves out none. Raises DataError
    when there is no run or a value is not finite.
    """
    share = 1 - settings.percentile / 100 if settings.ranges is RangeMethod.PERCENTILE else 0.0
    tails: dict[str, _Tails] = {}
    for tensors in runs:
        for name, values in tensors.items():
            if name not in tails:
                tails[name] = _Tails(left_out=math.floor(share * values.size * count))
            tails[name].add(values)
    if not tails:
        raise DataError("the calibration set is empty", allowed="at least one row for every input")
    found = {name: tail.range for name, tail in tails.items()}
    for name, (low, high) in found.items():
        if not (math.isfinite(low) and math.isfinite(high)):
            raise DataError(f"tensor {name} holds NaN or infinity on the calibration set", allowed="finite activations")
    return found


class _Tails:
    """The smallest and the largest values of a stream; only as many as the share left out needs are kept."""

    def __init__(self, left_out: int) -> None:
        self._keep = left_out + 1
        self._low: NDArray[np.float32] = np.empty(0, np.float32)
        self._high: NDArray[np.float32] = np.empty(0, np.float32)

    def add(self, values: NDArray[Any]) -> None:
        flat = values.ravel().astype(np.float32, copy=False)
        self._low = -_largest(np.concatenate([-self._low, -flat]), self._keep)
        self._high = _largest(np.concatenate([self._high, flat]), self._keep)

    @property
    def range(self) -> Range:
        return float(self._low.max()), float(self._high.min())


def _largest(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    return values if values.size <= count else np.partition(values, -count)[-count:]
