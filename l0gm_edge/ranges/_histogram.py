"""A histogram that grows with what it sees, and the ranges that are tried on it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.ranges import Range, Values

BINS = 4096
LEVELS = 256
"""The values that 8 bits tell apart."""
FINEST = 2.0**-149  # the smallest float32 above zero
# A range is tried every tenth less, down to a thirtieth: the error is flat around its least value.
SHARES = 0.9 ** np.arange(33)

Counts = NDArray[np.int64]


class Histogram:
    """At most `BINS` bins, as wide as the smallest power of two that covers zero and everything seen.

    Bins stand on multiples of their width, so two of them make one of the next width, and the result does not depend
    on the order of what was added.
    """

    def __init__(self) -> None:
        self.width = 0.0
        self._first = 0  # the number of the first bin: it begins at _first * width
        self._counts: Counts = np.zeros(1, np.int64)
        self.low = self.high = 0.0

    def add(self, values: Values) -> None:
        """Count finite values."""
        low, high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        width = max(self.width, _width(low, high))
        first = math.floor(low / width)
        counts = np.zeros(math.floor(high / width) - first + 1, np.int64)
        if self.width:  # widths are powers of two: an old bin lies in one new bin
            begins = (self._first + np.arange(self._counts.size)) * self.width
            np.add.at(counts, np.floor(begins / width).astype(np.int64) - first, self._counts)
        numbers = np.floor(values.astype(np.float64) / width).astype(np.int64) - first
        counts += np.bincount(numbers, minlength=counts.size)
        self.width, self._first, self._counts, self.low, self.high = width, first, counts, low, high

    def bins(self, most: int = BINS) -> tuple[Counts, NDArray[np.float64]]:
        """How much each bin holds, (n,), and where bins begin and end, (n + 1,): as of numpy.histogram.

        Where there are more than `most`, neighbours are merged, and merged again, until there are not: to 2 at least.
        """
        first, counts, width = self._first, self._counts, self.width
        while counts.size > max(most, 2):
            merged = (first + np.arange(counts.size)) // 2 - first // 2
            first, counts, width = first // 2, np.bincount(merged, counts).astype(np.int64), 2 * width
        return counts, (first + np.arange(counts.size + 1, dtype=np.float64)) * width


def tried(low: float, high: float) -> Iterator[Range]:
    """The ranges within [low, high] to choose from, the whole one first; all hold zero, as runtimes want."""
    lows = low * SHARES if low < 0 else np.zeros(1)
    highs = high * SHARES if high > 0 else np.zeros(1)
    return ((float(begin), float(end)) for begin in lows for end in highs)


def _width(low: float, high: float) -> float:
    """The smallest power of two by which [low, high] takes at most BINS bins."""
    least = max((high - low) / BINS, FINEST)
    width = 2.0 ** math.ceil(math.log2(least))
    return width if math.floor(high / width) - math.floor(low / width) < BINS else 2 * width
