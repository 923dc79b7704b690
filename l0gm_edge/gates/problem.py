"""What is asked of a method and of the final choice: the units there are, the widths allowed, the budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import Gates, SiteKind
from l0gm_edge.core.site import Site
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.target import Budget

WHOLE = (SiteKind.EXPERTS, SiteKind.BLOCKS)
"""Kinds whose units are whole modules: one stays, whatever the widths of other sites."""


@dataclass(frozen=True)
class Problem:
    """`allowed` are the widths a site may come to, ascending, by its name; `full` its width before any cut."""

    layout: Layout
    allowed: Mapping[str, tuple[int, ...]]
    full: Mapping[str, int]
    budget: Budget

    def within(self, layout: Layout, base: Tensor, index: Tensor) -> Problem:
        """The problem of a model cut to `layout`, whose units were `index` before; `base` is 1 for what stays
        without a gate."""
        allowed = {
            site.name: tuple(width for width in self.allowed[site.name] if width <= site.width) for site in layout.sites
        }
        return replace(self, layout=layout, allowed=allowed, budget=self.budget.within(base, index))


def pose(layout: Layout, gates: Gates, multiple: Mapping[SiteKind, int], budget: Budget) -> Problem:
    """The problem of an uncut model; widths come in multiples per kind of site (1 where none is given).

    Raises TargetImpossible when the least widths alone exceed the budget.
    """
    allowed = allowed_widths(layout, multiple, gates)
    full = {site.name: site.width for site in layout.sites}
    problem = Problem(layout, allowed, full, budget)
    least = budget.count(least_gates(problem))
    if least > budget.limit:
        raise TargetImpossible(
            f"the target of {budget.told(budget.limit)} cannot be reached: "
            f"the least widths alone come to {budget.told(least)}",
            where="gates.target",
            allowed=f"{budget.told(least)} or more",
            todo="raise the target, or lower gates.min_units",
        )
    floored = replace(problem, allowed=_above_floor(problem, gates.floor * _uniform_share(problem)))
    return floored if budget.count(least_gates(floored)) <= budget.limit else problem


def allowed_widths(layout: Layout, multiple: Mapping[SiteKind, int], gates: Gates) -> dict[str, tuple[int, ...]]:
    """The widths that every site may come to, ascending, by its name: multiples from the least on, and the full one."""
    return {site.name: _allowed(site, multiple.get(site.kind, 1), gates) for site in layout.sites}


def least_gates(problem: Problem) -> Tensor:
    """The gates of the cheapest cut there is: 0/1 float64 (units,)."""
    layout = problem.layout
    _, prices = problem.budget.prices(torch.ones(layout.units, dtype=torch.float64))
    gates = torch.zeros(layout.units, dtype=torch.float64)
    for site in layout.sites:
        cheapest = prices[layout.span(site)].argsort(stable=True)[: problem.allowed[site.name][0]]
        gates[layout.offsets[site.name] + cheapest] = 1
    return layout.alive(gates)


def _allowed(site: Site, step: int, gates: Gates) -> tuple[int, ...]:
    fewest = {SiteKind.EXPERTS: gates.min_experts, SiteKind.BLOCKS: 1, SiteKind.HEADS: 1}
    least = fewest.get(site.kind, gates.min_units)
    first = min(-(-least // step) * step, site.width)
    return (*range(first, site.width, step), site.width)


def _above_floor(problem: Problem, share: float) -> dict[str, tuple[int, ...]]:
    """The allowed widths from the greatest that is at most `share` of the whole, in sites of plain units."""
    floored = {}
    for site in problem.layout.sites:
        widths = problem.allowed[site.name]
        below = 0 if site.kind in WHOLE else sum(width <= share * site.width for width in widths)
        floored[site.name] = widths[max(0, below - 1) :]
    return floored


def _uniform_share(problem: Problem) -> float:
    """The share of their width at which all plain sites alike meet the limit, by bisection."""
    layout, budget = problem.layout, problem.budget
    plain = torch.cat([torch.full((site.width,), float(site.kind not in WHOLE)) for site in layout.sites])
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        fits = float(budget.measure(1 - plain * (1 - middle))) <= budget.limit
        low, high = (middle, high) if fits else (low, middle)
    return low
