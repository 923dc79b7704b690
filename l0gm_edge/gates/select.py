"""The choice of units: a convex knapsack with floors, solved on the true cost.

Closing the k least of a site's w units costs the loss C(k) = (sum of their scores) w / (w - k): convex in k, and
without bound as the site empties. Sites trade off by loss per cost saved. Marginal costs fall as neighbours shrink, so
that a block once passed over only becomes dearer to close: closing the cheapest first, at prices renewed on the way,
follows the optimum of the relaxed problem.
"""

from __future__ import annotations

import heapq
from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l0gm_edge.gates.problem import Problem

FINE, COARSE = 0.02, 0.15
"""Share of the cost that is saved before prices are renewed: for a choice that is kept, and for one that is not."""
TRIES = 20
"""Exchanges counted before it is said that none fits."""
SMALLEST, NEVER = 1e-30, 400.0
"""Scores are at least this; a log ratio that is above all others."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def select(problem: Problem, scores: Tensor, limit: float | None = None, grain: float = FINE) -> Tensor:
    """Keep the units that the loss minds most, within `limit` (by default the budget's).

    `scores` (units,) say how much the loss minds each unit's going: 0 or more, and comparable over all sites. Every
    site keeps an allowed width; a unit that is a whole module takes the sites inside it along. Nothing more would fit.
    Returns bool (units,).
    """
    limit = problem.budget.limit if limit is None else limit
    values = scores.detach().double().cpu().numpy()
    choice = _Choice(problem, values)
    if not choice.shed(limit, grain):  # the best are too dear: only the cheapest leave room
        choice = _Choice(problem, values, cheapest_first=True)
        choice.shed(limit, grain)
    choice.fill(limit)
    if grain <= FINE:
        choice.exchange(limit)
    return torch.from_numpy(choice.gates != 0)


class _Choice:
    """Units that are open, in blocks: each site's block 0 is its least width, the last one makes it whole."""

    def __init__(self, problem: Problem, scores: Floats, *, cheapest_first: bool = False) -> None:
        self.budget = problem.budget
        layout, sites = problem.layout, problem.layout.sites
        self.gates: Floats = np.ones(layout.units)
        values = np.maximum(scores, SMALLEST)
        _, prices = self.budget.prices(torch.ones(layout.units))
        dear = prices.numpy().round(9) if cheapest_first else np.zeros(layout.units)
        orders, sizes, losses = [], [], []
        for site in sites:
            span, widths = layout.span(site), problem.allowed[site.name]
            orders.append(span.start + np.lexsort((-values[span], dear[span])))
            sizes.append(np.diff([0, *widths]))
            losses.append(_block_losses(values[orders[-1]], np.array(widths), problem.full[site.name]))
        self.order: Ints = np.concatenate(orders)  # units, site by site, the best first
        self.loss: Floats = np.concatenate(losses)
        counts = np.array([len(one) for one in sizes])
        self.site_of: Ints = np.repeat(np.arange(len(sites)), counts)
        self.first: Ints = np.cumsum(counts) - counts  # each site's block 0
        self.ends: Ints = np.cumsum(np.concatenate(sizes))  # where each block ends in `order`
        self.last: Ints = self.first + counts - 1  # each site's last open block; -1 where it went with a whole unit
        self.inside = defaultdict(list)
        for index, site in enumerate(sites):
            if site.inside is not None and site.inside[0] in layout.offsets:
                self.inside[layout.offsets[site.inside[0]] + site.inside[1]].append(index)

    def shed(self, limit: float, grain: float) -> bool:
        """Close blocks, the cheapest for what they save first, until the cost is at most `limit`; False if it never
        is."""
        while True:
            cost, savings = self._block_prices()
            if self.budget.count(torch.from_numpy(self.gates)) <= limit:
                return True
            ranked = self._closable(savings)
            if not len(ranked):
                return False
            needed = min(cost - limit, grain * (cost - self.budget.fixed))
            enough = int(np.searchsorted(np.cumsum(savings[ranked]), needed)) + 1
            for block in ranked[:enough].tolist():
                if self.last[self.site_of[block]] >= block:  # else it went with a whole unit in this very round
                    self._close(block)

    def fill(self, limit: float) -> None:
        """Open again what fits, what the loss minds most for its cost first, until nothing does."""
        _, prices = self._block_prices()
        heap = [entry for site in range(len(self.last)) if (entry := self._next(site, prices))]
        heapq.heapify(heap)
        while heap:
            _, site = heapq.heappop(heap)
            gates, last = self.gates.copy(), self.last.copy()
            self._open(int(self.last[site]) + 1)
            if self.budget.count(torch.from_numpy(self.gates)) > limit:
                self.gates, self.last = gates, last
                continue
            for waiting in (site, *np.flatnonzero((last < 0) & (self.last >= 0)).tolist()):
                if entry := self._next(waiting, prices):
                    heapq.heappush(heap, entry)

    def exchange(self, limit: float) -> None:
        """Close a block to open one that the loss minds more, and fill up again, while that fits."""
        for _ in range(len(self.last)):
            if not self._exchange_one(limit):
                return
            self.fill(limit)

    def _exchange_one(self, limit: float) -> bool:
        """The best exchange that fits by the prices of the moment, and fits when counted; False if there is none."""
        cost, prices = self._block_prices()
        last = self.last[self.last >= 0]
        closing = last[last > self.first[self.site_of[last]]]
        opening = np.array([block for site in self.site_of[last] if (block := self._above(int(site))) is not None], int)
        gain = self.loss[opening][:, None] - self.loss[closing][None, :]
        spent = prices[opening][:, None] - prices[closing][None, :]
        apart = self.site_of[opening][:, None] != self.site_of[closing][None, :]
        tried = np.argwhere(apart & (gain > 0) & (cost + spent <= limit))
        tried = tried[np.argsort(-gain[tuple(tried.T)], kind="stable")][:TRIES]
        for one, other in tried.tolist():
            gates, last_before = self.gates.copy(), self.last.copy()
            self._close(int(closing[other]))
            if self.last[self.site_of[opening[one]]] == opening[one] - 1:  # else it went with what was closed
                self._open(int(opening[one]))
                if self.budget.count(torch.from_numpy(self.gates)) <= limit:
                    return True
            self.gates, self.last = gates, last_before
        return False

    def _block_prices(self) -> tuple[float, Floats]:
        """The cost, and what each block adds to it at the margin."""
        cost, prices = self.budget.prices(torch.from_numpy(self.gates))
        total = np.concatenate([[0.0], np.cumsum(prices.numpy()[self.order])])[[0, *self.ends]]
        return cost, np.diff(total)

    def _closable(self, savings: Floats) -> Ints:
        """The blocks that may close, those of least loss for what they save first.

        A block never comes before those of its site that must close before it.
        """
        blocks = np.arange(len(self.loss))
        is_open = blocks <= self.last[self.site_of]
        worth = savings > 0
        ratio = np.log(np.maximum(self.loss, SMALLEST)) - np.log(savings, out=np.zeros_like(savings), where=worth)
        ratio = np.where(is_open, np.where(worth, np.clip(ratio, -NEVER, NEVER), NEVER), -NEVER)
        # a running maximum from each site's last block to its first; the steps between sites keep it within one
        step = 3 * NEVER * self.site_of[::-1].max(initial=0) - 3 * NEVER * self.site_of[::-1]
        ratio = (np.maximum.accumulate(ratio[::-1] + step) - step)[::-1]
        candidates = np.flatnonzero(is_open & (blocks > self.first[self.site_of]))[::-1]
        return candidates[np.argsort(ratio[candidates], kind="stable")]

    def _next(self, site: int, prices: Floats) -> tuple[float, int] | None:
        """What there is to open in a site: (-loss over cost, site); None if nothing."""
        block = self._above(site)
        if block is None:
            return None
        return (-self.loss[block] / prices[block] if prices[block] > 0 else -np.inf), site

    def _above(self, site: int) -> int | None:
        """A site's first closed block; None when it is whole, or went with the unit it is inside of."""
        block = int(self.last[site]) + 1
        return None if block == 0 or block == len(self.loss) or self.site_of[block] != site else block

    def _close(self, block: int) -> None:
        self.last[self.site_of[block]] = block - 1
        self._put(self._units(block), 0.0)

    def _open(self, block: int) -> None:
        self.last[self.site_of[block]] = block
        self._put(self._units(block), 1.0)

    def _units(self, block: int) -> Ints:
        return self.order[self.ends[block - 1] if block else 0 : self.ends[block]]

    def _put(self, units: Ints, value: float) -> None:
        """Open or close units; what lies inside one goes with it, and comes back at its least width."""
        self.gates[units] = value
        if self.inside:
            for site in (site for unit in units.tolist() for site in self.inside.get(unit, ())):
                first, last = int(self.first[site]), int(self.last[site])
                self.last[site] = first if value else -1
                for block in (first,) if value else range(first, last + 1):
                    self._put(self._units(block), value)


def _block_losses(best_first: Floats, widths: Ints, full: int) -> Floats:
    """What closing each block adds to a site's loss, once the blocks after it are closed; infinite for the least."""
    closed = best_first.sum() - np.cumsum(best_first)[widths - 1]
    loss = np.maximum(closed, 0.0) * full / widths
    return np.concatenate([[np.inf], -np.diff(loss)])
