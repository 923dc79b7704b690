"""A chart's axis: data values to SVG units, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Axis:
    """Maps `low`..`high` onto `start`..`end` (SVG units; `end` may be the smaller), linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float) -> Self:
        """An axis with room around values; noise does not fill it, and where none is negative it begins at 0 or above.

        It spans at least one in twenty-five of the largest value.
        """
        low, high = min(values), max(values)
        margin = max(0.12 * (high - low), 0.02 * abs(high)) or 1.0
        return cls(low - margin if low < 0 else max(0.0, low - margin), high + margin, start, end)

    def place(self, value: float) -> float:
        """The position of a value, rounded to a hundredth; values outside are held at the ends."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, about: int = 5) -> tuple[float, ...]:
        """Round numbers within the axis: multiples of 1, 2 or 5 times a power of ten, or 1-3-10 when logarithmic."""
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            marks = [mantissa * 10.0**power for power in powers for mantissa in (1, 3)]
        else:
            step = _round_step((self.high - self.low) / about)
            marks = [i * step for i in range(math.floor(self.low / step), math.ceil(self.high / step) + 1)]
        slack = 1e-9 * (self.high - self.low)
        return tuple(float(f"{mark:.6g}") for mark in marks if self.low - slack <= mark <= self.high + slack)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(multiple * power for multiple in (1, 2, 5, 10) if multiple * power >= step * (1 - 1e-9))
