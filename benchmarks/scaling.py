"""Power laws: by which exponent a figure falls as models or compute grow."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

DRAWS = 400
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """value = factor * scale ** -exponent, with the exponent's 95 % interval over seeds, from so many points."""

    factor: float
    exponent: float
    low: float
    high: float
    points: int


def law(scale: Sequence[float], values: Sequence[float], seeds: Sequence[Hashable]) -> Law | None:
    """The law through points, fitted to their logarithms; its interval by drawing seeds anew, with all their points.

    None where there are fewer than two scales or seeds, or a value is not above 0.
    """
    if len(set(scale)) < 2 or len(set(seeds)) < 2 or min(values) <= 0:
        return None
    x, y = np.log(np.asarray(scale, float)), np.log(np.asarray(values, float))
    members = [np.flatnonzero([seed == one for seed in seeds]) for one in dict.fromkeys(seeds)]
    draw = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        chosen = np.concatenate([members[place] for place in draw.integers(0, len(members), len(members))])
        found.append(_fitted(x[chosen], y[chosen])[1])
    factor, exponent = _fitted(x, y)
    low, high = np.quantile(found, [0.025, 0.975])
    return Law(float(np.exp(factor)), exponent, float(low), float(high), len(x))


def _fitted(x: Floats, y: Floats) -> tuple[float, float]:
    middle = float(x.mean())  # for the sake of the fit's conditioning
    (height, exponent), _ = curve_fit(lambda at, height, exponent: height - exponent * (at - middle), x, y)
    return float(height + exponent * middle), float(exponent)
