"""The range by which 8 bits lose least: smallest mean squared difference, clipping and rounding together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.recipe import Quantize
from l0gm_edge.ranges import Calibrator, Range, Values, _histogram


def create(total: int, settings: Quantize) -> Calibrator:  # noqa: ARG001 (the plug-ins' common form)
    """Begin with a tensor."""
    return _LeastError()


def lost(values: NDArray[np.float64], within: Range) -> NDArray[np.float64]:
    """The difference that 8 bits over a range that holds zero make to each value.

    Zero is exact, as in every runtime: both ends move by less than half a step for it.
    """
    low, high = within
    step = (high - low) / (_histogram.LEVELS - 1)
    if step == 0:
        return values
    zero = np.rint(-low / step)
    level = np.clip(np.rint(values / step) + zero, 0, _histogram.LEVELS - 1)
    kept: NDArray[np.float64] = (level - zero) * step
    return values - kept


class _LeastError:
    def __init__(self) -> None:
        self._seen = _histogram.Histogram()

    def add(self, values: Values) -> None:
        self._seen.add(values)

    @property
    def range(self) -> Range:
        counts, edges = self._seen.bins()
        there = counts > 0
        middles, counts = ((edges[1:] + edges[:-1]) / 2)[there], counts[there]
        return min(
            _histogram.tried(self._seen.low, self._seen.high),
            key=lambda within: float(counts @ np.square(lost(middles, within))),
        )
