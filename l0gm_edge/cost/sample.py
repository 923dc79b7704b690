"""Which cuts to time: random width settings that cover the models a search may ask about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l0gm_edge.gates.layout import Layout

Cost = Callable[[Tensor], Tensor]
"""Cost of a 0/1 vector of open units, by any proxy: MACs before anything is measured."""
Widths = NDArray[np.int64]
Fractions = NDArray[np.float64]
UNEVEN = 0.5
"""Spread (log) of widths around a common scale."""
DRAWS = 1000


def sample(layout: Layout, allowed: Mapping[str, Sequence[int]], cost: Cost, count: int, seed: int = 0) -> list[Tensor]:
    """`count` different settings as bool (units,) vectors: dense and least, then a mixture.

    In turn, all sites shrink alike, or each has a width of its own, or uneven widths are scaled to a random cost.
    `allowed` are the widths of each site, ascending. The same seed gives the same settings, and a larger count the
    same first ones. Fewer come back when the model has no more.
    """
    random = np.random.default_rng(seed)
    choices = [np.asarray(allowed[site.name]) for site in layout.sites]
    found: dict[tuple[int, ...], Tensor] = {}

    def put(widths: Sequence[int]) -> None:
        if tuple(widths) not in found:
            found[tuple(widths)] = _kept(layout, widths, random)

    put([int(one[-1]) for one in choices])
    put([int(one[0]) for one in choices])
    dense = float(cost(torch.ones(layout.units, dtype=torch.float64)))
    for draw in range(DRAWS):
        if len(found) >= count:
            break
        match draw % 3:
            case 0:
                put(_nearest(choices, np.full(len(choices), random.uniform())))
            case 1:
                put([int(random.choice(one)) for one in choices])
            case _:
                shape, wanted = np.exp(random.normal(0, UNEVEN, len(choices))), random.uniform(0.1, 0.9) * dense
                put(_scaled(layout, choices, shape, cost, wanted))
    return list(found.values())[:count]


def _nearest(choices: Sequence[Widths], fractions: Fractions) -> list[int]:
    """For each site the allowed width nearest to a fraction of its full one."""
    return [
        int(one[np.abs(one - fraction * one[-1]).argmin()]) for fraction, one in zip(fractions, choices, strict=True)
    ]


def _scaled(layout: Layout, choices: Sequence[Widths], shape: Fractions, cost: Cost, wanted: float) -> list[int]:
    """The widths of this shape, scaled together by bisection to the cost that is wanted."""
    low, high = 0.0, 4.0
    for _ in range(12):
        middle = (low + high) / 2
        trial = _kept(layout, _nearest(choices, middle * shape), np.random.default_rng(0))
        low, high = (low, middle) if float(cost(trial.double())) > wanted else (middle, high)
    return _nearest(choices, low * shape)


def _kept(layout: Layout, widths: Sequence[int], random: np.random.Generator) -> Tensor:
    """Open units (bool) at these widths; which of a site's units they are is left to chance."""
    kept = torch.zeros(layout.units, dtype=torch.bool)
    for site, width in zip(layout.sites, widths, strict=True):
        chosen = random.permutation(site.width)[:width] + layout.offsets[site.name]
        kept[torch.from_numpy(chosen)] = True
    return kept
