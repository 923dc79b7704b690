"""Learning rates over a course."""

from __future__ import annotations

import math

WARM_UP = 0.05
"""Share of a course over which the rate rises from zero."""


def cosine(step: int, steps: int) -> float:
    """A rise, then half a cosine down to zero: the factor of the learning rate at `step` of `steps`."""
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def constant(step: int, steps: int) -> float:
    """A rise, then the full rate: what gates learn under, with the cosine kept for the recovery."""
    rise = max(1, round(WARM_UP * steps))
    return min(1.0, (step + 1) / rise)
