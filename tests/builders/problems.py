"""Problems of choosing units whose cost can be written down, without a model behind them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor

from l0gm_edge.core.recipe import Gates, SiteKind, Target
from l0gm_edge.core.site import Site
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.problem import Problem, pose
from l0gm_edge.gates.target import Budget, Measure, Unit


def sites(*widths: int, kind: SiteKind = SiteKind.HIDDEN) -> Layout:
    """Plain sites of these widths."""
    return Layout.of([Site(f"s{index}", kind, width, ()) for index, width in enumerate(widths)])


def experts(hidden: list[int], *others: int) -> Layout:
    """A site of whole experts, the hidden width of each, and other plain sites."""
    whole = Site("experts", SiteKind.EXPERTS, len(hidden), ())
    inner = [Site(f"e{e}", SiteKind.HIDDEN, width, (), inside=("experts", e)) for e, width in enumerate(hidden)]
    return Layout.of([whole, *inner, *sites(*others).sites])


def priced(layout: Layout, prices: Mapping[str, float] | None = None) -> Measure:
    """Every unit at its site's price (1 unless given); one inside a closed one costs nothing."""
    price = torch.cat([torch.full((site.width,), float((prices or {}).get(site.name, 1))) for site in layout.sites])
    parents = layout.parents()
    return lambda gates: (price.double() * gates * torch.cat([gates, gates.new_ones(1)])[parents]).sum()


def chained(layout: Layout) -> Measure:
    """A network of plain sites one after the other: costs are products of neighbours' widths."""

    def measure(gates: Tensor) -> Tensor:
        counts = [gates[layout.span(site)].sum() for site in layout.sites]
        ends = [gates.new_tensor(3.0), *counts, gates.new_tensor(5.0)]
        return torch.stack([a * b for a, b in pairwise(ends)]).sum()

    return measure


def problem(
    layout: Layout,
    measure: Measure,
    limit: float,
    multiple: Mapping[SiteKind, int] | None = None,
    unit: Unit = Unit.PARAMETERS,
    **gates: object,
) -> Problem:
    """To choose within `limit`; `gates` are settings of that name, with one unit and no floor by default."""
    total = float(measure(torch.ones(layout.units, dtype=torch.float64)))
    settings = Gates(**{"target": Target(active_fraction=0.5), "min_units": 1, "floor": 0} | gates)
    return pose(layout, settings, multiple or {}, Budget(measure, unit, limit, total))


def closed_with_their_holder(layout: Layout, kept: Tensor) -> bool:
    """Whether nothing is kept inside of a unit that is not."""
    return torch.equal(layout.alive(kept), kept)
