"""The final choice: which units stay, by score, in whole blocks, until the target is met and never past it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Site
from l0gm_edge.gates.layout import Layout

Cost = Callable[[Tensor], float]
"""Counted cost of a 0/1 vector of open units."""


@dataclass(frozen=True)
class Widths:
    """The widths a site may have: multiples of `multiple[kind]` or its full width, and at least `least[kind]`."""

    multiple: Mapping[SiteKind, int]
    least: Mapping[SiteKind, int]

    def blocks(self, site: Site) -> list[int]:
        """The sizes in which a site's units are added, best first; the first block is the least that may stay."""
        multiple, least = self.multiple.get(site.kind, 1), self.least.get(site.kind, 1)
        first = min(-(-least // multiple) * multiple, site.width)
        whole, remainder = divmod(site.width - first, multiple)
        return [first, *[multiple] * whole, *([remainder] if remainder else [])]


@dataclass
class _Block:
    """Units that are kept together, once the block `after` is kept."""

    units: list[int]
    score: float
    after: int | None


def select(layout: Layout, scores: Tensor, widths: Widths, cost: Cost, budget: float) -> Tensor:
    """Keep the best-scored units within `budget`: bool (units,).

    Every site keeps its least width, and a removed expert takes the sites inside it along. Then blocks are added from
    the highest score down while the counted cost stays within the budget, until none fits.
    Raises TargetImpossible when the least widths alone exceed the budget.
    """
    blocks = _blocks(layout, scores, widths)
    kept = _least(layout, blocks, cost, budget)
    done = [block.after is None for block in blocks]
    ranked = sorted(range(len(blocks)), key=lambda index: -blocks[index].score)
    for index in ranked:
        block = blocks[index]
        if block.after is None or not done[block.after]:
            continue
        trial = kept.clone()
        trial[block.units] = 1
        if cost(trial) <= budget:
            kept, done[index] = trial, True
    return kept.bool()


def require_reachable(layout: Layout, widths: Widths, cost: Cost, budget: float) -> None:
    """Raise TargetImpossible when the least widths alone exceed the budget, whatever the scores will be."""
    _least(layout, _blocks(layout, torch.zeros(layout.units), widths), cost, budget)


def _least(layout: Layout, blocks: list[_Block], cost: Cost, budget: float) -> Tensor:
    """The units that stay in any case, as 0/1 (units,)."""
    kept = torch.zeros(layout.units)
    for block in blocks:
        if block.after is None:
            kept[block.units] = 1
    least = cost(kept)
    if least > budget:
        raise TargetImpossible(
            f"the target of {budget:,.0f} cannot be reached: the least widths alone come to {least:,.0f}",
            where="gates.target",
            allowed=f"{least:,.0f} or more",
            todo="raise the target, or lower gates.min_units",
        )
    return kept


def _blocks(layout: Layout, scores: Tensor, widths: Widths) -> list[_Block]:
    """Every site's blocks. An expert's block brings the first blocks of the sites inside it."""
    blocks: list[_Block] = []
    holder: dict[int, int] = {}
    outer_first = sorted(layout.sites, key=lambda site: _outer(layout, site) is not None)
    for site in outer_first:
        start = layout.offsets[site.name]
        best_first = [start + int(unit) for unit in scores[layout.span(site)].argsort(descending=True, stable=True)]
        outer = _outer(layout, site)
        previous = None if outer is None else holder[outer]
        for order, size in enumerate(widths.blocks(site)):
            units, best_first = best_first[:size], best_first[size:]
            if order == 0 and previous is not None:
                blocks[previous].units.extend(units)
                continue
            holder.update(dict.fromkeys(units, len(blocks)))
            score = float(scores[units].mean())
            # never ahead of the block it waits for, so that it comes right after it and not after all others
            blocks.append(_Block(units, score if previous is None else min(score, blocks[previous].score), previous))
            previous = len(blocks) - 1
    return blocks


def _outer(layout: Layout, site: Site) -> int | None:
    """The entry of the unit that a site lies inside of, when that unit can be closed."""
    if site.inside is None or site.inside[0] not in layout.offsets:
        return None
    return layout.offsets[site.inside[0]] + site.inside[1]
