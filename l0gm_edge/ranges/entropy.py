"""The range by which 8 bits tell least of a lie about the distribution: smallest Kullback-Leibler divergence.

After S. Migacz, "8-bit inference with TensorRT" (GTC 2017), with a range of its own on each side of zero.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.recipe import Quantize
from l0gm_edge.ranges import Calibrator, Range, Values, _histogram
from l0gm_edge.ranges._histogram import LEVELS, Counts

PER_BIN = 8
"""Values that a bin needs on average: of fewer, the shape of a distribution is chance."""


def create(total: int, settings: Quantize) -> Calibrator:  # noqa: ARG001 (the plug-ins' common form)
    """Begin with a tensor of `total` values."""
    return _LeastDivergence(total)


def divergence(counts: Counts, begin: int, end: int, levels: int) -> float:
    """How far the bins [begin, end), merged to at most `levels` of equal width, are from the bins as they are, in nats.

    `counts` is (n,). What lies outside counts in the outermost bins of the truth, and is unknown to what is merged:
    that is what clipping costs. Infinite when nothing is left that the truth could be compared with.
    """
    kept = counts[begin:end].astype(np.float64)
    truth = kept.copy()
    truth[0] += counts[:begin].sum()
    truth[-1] += counts[end:].sum()
    level = np.arange(kept.size) * min(levels, kept.size) // kept.size
    there = (truth > 0).astype(np.float64)
    mass, room = np.bincount(level, kept), np.bincount(level, there)
    merged = np.divide(mass, room, out=np.zeros_like(mass), where=room > 0)[level] * there
    if kept.sum() == 0 or (merged[truth > 0] == 0).any():
        return math.inf
    p, q = truth[truth > 0] / truth.sum(), merged[truth > 0] / merged.sum()
    return float(p @ np.log(p / q))


def _without_spike(counts: Counts, zero: int) -> Counts:
    """The bin of zero no fuller than those beside it: zero is exact in any range, and what a ReLU puts there would
    hide all else (pytorch-quantization does the same)."""
    beside = max(int(counts[at]) for at in (zero - 1, zero + 1) if 0 <= at < counts.size) if counts.size > 1 else 0
    level = counts.copy()
    level[zero] = min(level[zero], beside or level[zero])
    return level


class _LeastDivergence:
    def __init__(self, total: int) -> None:
        self._total = total
        self._seen = _histogram.Histogram()

    def add(self, values: Values) -> None:
        self._seen.add(values)

    @property
    def range(self) -> Range:
        counts, edges = self._seen.bins(self._total // PER_BIN)
        counts = _without_spike(counts, _bin(edges, 0.0))

        def of(within: Range) -> float:
            return divergence(counts, _bin(edges, within[0]), _bin(edges, within[1]) + 1, LEVELS)

        return min(_histogram.tried(self._seen.low, self._seen.high), key=of)


def _bin(edges: NDArray[np.float64], value: float) -> int:
    """The bin that holds a value."""
    return int(np.searchsorted(edges, value, "right")) - 1
