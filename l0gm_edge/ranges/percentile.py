"""The share 1 - percentile/100 of the values left out at either end, exactly: as if all had been sorted."""

from __future__ import annotations

import math

import numpy as np

from l0gm_edge.core.recipe import Quantize
from l0gm_edge.ranges import Calibrator, Range, Values


def create(total: int, settings: Quantize) -> Calibrator:
    """Begin with a tensor of `total` values."""
    return _Tails(left_out=math.floor((1 - settings.percentile / 100) * total))


class _Tails:
    """The smallest and the largest values of a stream; only as many as the share left out needs are kept."""

    def __init__(self, left_out: int) -> None:
        self._keep = left_out + 1
        self._low: Values = np.empty(0, np.float32)
        self._high: Values = np.empty(0, np.float32)

    def add(self, values: Values) -> None:
        self._low = -_largest(np.concatenate([-self._low, -values]), self._keep)
        self._high = _largest(np.concatenate([self._high, values]), self._keep)

    @property
    def range(self) -> Range:
        return float(self._low.max()), float(self._high.min())


def _largest(values: Values, count: int) -> Values:
    return values if values.size <= count else np.partition(values, -count)[-count:]
