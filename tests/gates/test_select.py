"""The final choice: never past the budget, in whole blocks, no layer emptied, nothing left that would still fit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Site
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.select import Widths, select

Case = tuple[Layout, torch.Tensor, Widths, Callable[[torch.Tensor], float]]


def counted(layout: Layout, prices: list[int]) -> Callable[[torch.Tensor], float]:
    """Each site's units at its price; a unit inside a closed one costs nothing."""
    price = torch.cat([torch.full((site.width,), float(p)) for site, p in zip(layout.sites, prices, strict=True)])

    def cost(open_units: torch.Tensor) -> float:
        alive = open_units * torch.cat([open_units, torch.ones(1)])[layout.parents()]
        return float((alive * price).sum())

    return cost


@st.composite
def cases(draw: st.DrawFn) -> Case:
    widths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    kinds = st.sampled_from([SiteKind.CHANNELS, SiteKind.HIDDEN, SiteKind.INTERFACE])
    sites = [Site(f"s{index}", draw(kinds), width, ()) for index, width in enumerate(widths)]
    experts = draw(st.integers(0, 4))
    if experts > 1:
        sites.append(Site("moe.experts", SiteKind.EXPERTS, experts, ()))
        hidden = draw(st.integers(1, 6))
        sites += [Site(f"e{e}", SiteKind.HIDDEN, hidden, (), inside=("moe.experts", e)) for e in range(experts)]
    layout = Layout.of(sites)
    scores = torch.tensor(draw(st.lists(st.integers(-9, 9), min_size=layout.units, max_size=layout.units))).float()
    multiple = {kind: draw(st.sampled_from([1, 2, 4])) for kind in (SiteKind.CHANNELS, SiteKind.HIDDEN)}
    least = dict.fromkeys(SiteKind, draw(st.integers(1, 3))) | {SiteKind.EXPERTS: 1}
    price_list = [draw(st.integers(1, 5)) for _ in sites]
    if experts > 1:  # experts are alike
        price_list[-experts:] = [price_list[-1]] * experts
    return layout, scores, Widths(multiple, least), counted(layout, price_list)


def least_cost(case: Case) -> float:
    """What the least widths cost, from the refusal."""
    layout, scores, widths, cost = case
    with pytest.raises(TargetImpossible, match="the least widths alone") as refused:
        select(layout, scores, widths, cost, -1)
    return float(refused.value.allowed.split()[0].replace(",", ""))


def allowed_widths(widths: Widths, site: Site) -> set[int]:
    multiple, least = widths.multiple.get(site.kind, 1), widths.least[site.kind]
    return {w for w in range(1, site.width + 1) if w >= least and w % multiple == 0} | {site.width}


@given(cases(), st.floats(0, 1))
def test_a_choice_keeps_its_promises(case: Case, share: float) -> None:
    layout, scores, widths, cost = case
    low, high = least_cost(case), cost(torch.ones(layout.units))
    budget = low + share * (high - low)
    kept = select(layout, scores, widths, cost, budget)
    assert cost(kept.float()) <= budget
    every = torch.cat([kept, torch.ones(1, dtype=torch.bool)])
    for site in layout.sites:
        chosen = kept[layout.span(site)]
        inside_closed = not bool(every[layout.parents()][layout.span(site)][0])
        if inside_closed:
            assert not chosen.any()
            continue
        assert int(chosen.sum()) in allowed_widths(widths, site)
        if chosen.any() and not chosen.all():
            assert float(scores[layout.span(site)][chosen].min()) >= float(scores[layout.span(site)][~chosen].max())
        _assert_no_wider_fits(case, kept, site, budget)


def _assert_no_wider_fits(case: Case, kept: torch.Tensor, site: Site, budget: float) -> None:
    layout, scores, widths, cost = case
    start, count = layout.offsets[site.name], int(kept[layout.span(site)].sum())
    wider = sorted(w for w in allowed_widths(widths, site) if w > count)
    if wider and site.kind is not SiteKind.EXPERTS:
        order = scores[layout.span(site)].argsort(descending=True, stable=True)
        trial = kept.clone()
        trial[start + order[: wider[0]]] = True
        assert cost(trial.float()) > budget


@given(cases())
def test_a_budget_for_everything_keeps_everything(case: Case) -> None:
    layout, scores, widths, cost = case
    assert bool(select(layout, scores, widths, cost, cost(torch.ones(layout.units))).all())


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 1000), st.data())
def test_counted_units_are_met_exactly_and_grow_with_the_budget(
    widths: list[int], seed: int, data: st.DataObject
) -> None:
    layout = Layout.of([Site(f"s{index}", SiteKind.HIDDEN, width, ()) for index, width in enumerate(widths)])
    scores = torch.randn(layout.units, generator=torch.Generator().manual_seed(seed))
    budget = data.draw(st.integers(len(widths), layout.units))
    least = Widths({}, dict.fromkeys(SiteKind, 1))
    smaller, larger = (
        select(layout, scores, least, lambda gates: float(gates.sum()), limit)
        for limit in (budget, min(budget + 1, layout.units))
    )
    assert int(smaller.sum()) == budget
    assert bool((larger | ~smaller).all())


def two_experts() -> Layout:
    experts = Site("experts", SiteKind.EXPERTS, 2, ())
    hidden = [Site(f"e{e}", SiteKind.HIDDEN, 3, (), inside=("experts", e)) for e in range(2)]
    return Layout.of([experts, *hidden, Site("other", SiteKind.HIDDEN, 6, ())])


def test_a_good_hidden_unit_of_a_poor_expert_waits_for_it() -> None:
    layout = two_experts()
    scores = torch.tensor([5.0, 1.0, 9, 9, 9, 9, 9, 9, 3, 3, 3, 3, 3, 3])
    kept = select(layout, scores, Widths({}, dict.fromkeys(SiteKind, 1)), counted(layout, [1] * 4), 10)
    assert kept.tolist() == [True, False, *[True] * 3, *[False] * 3, *[True] * 6]


def test_an_expert_once_kept_brings_its_good_units_before_poorer_ones_elsewhere() -> None:
    layout = two_experts()
    scores = torch.tensor([5.0, 4.0, 9, 9, 9, 9, 9, 9, 3, 3, 3, 3, 3, 3])
    kept = select(layout, scores, Widths({}, dict.fromkeys(SiteKind, 1)), counted(layout, [1] * 4), 9)
    assert kept.tolist() == [True, True, *[True] * 6, True, *[False] * 5]


def test_an_impossible_budget_says_what_is_possible() -> None:
    layout = Layout.of([Site("s", SiteKind.HIDDEN, 8, ())])
    widths = Widths({SiteKind.HIDDEN: 4}, dict.fromkeys(SiteKind, 2))
    with pytest.raises(TargetImpossible) as refused:
        select(layout, torch.zeros(8), widths, lambda gates: float(gates.sum()), 3)
    assert refused.value.where == "gates.target"
    assert refused.value.allowed == "4 or more"
