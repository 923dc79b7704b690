"""The final choice: never past the budget, in whole blocks, no layer emptied, nothing left that would still fit, and
as good as any choice there is."""

from __future__ import annotations

import math
from itertools import product

import problems
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Site
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.problem import Problem
from l0gm_edge.gates.select import COARSE, FINE, select

GRAINS = st.sampled_from([FINE, COARSE])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Problem, torch.Tensor]:
    kinds = st.sampled_from([SiteKind.CHANNELS, SiteKind.HIDDEN, SiteKind.INTERFACE, SiteKind.HEADS])
    widths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    sites = [Site(f"s{index}", draw(kinds), width, ()) for index, width in enumerate(widths)]
    count = draw(st.integers(0, 4))
    if count > 1:
        sites += problems.experts(draw(st.lists(st.integers(1, 6), min_size=count, max_size=count))).sites
    layout = Layout.of(sites)
    scores = torch.tensor(draw(st.lists(st.integers(0, 9), min_size=layout.units, max_size=layout.units))).float()
    multiple = {kind: draw(st.sampled_from([1, 2, 4])) for kind in (SiteKind.CHANNELS, SiteKind.HIDDEN)}
    measure = problems.priced(layout, {site.name: draw(st.integers(1, 5)) for site in layout.sites})
    least = {"min_units": draw(st.integers(1, 3)), "floor": draw(st.sampled_from([0.0, 0.5]))}
    low, high = least_cost(layout, measure, multiple, least), float(measure(torch.ones(layout.units)))
    limit = low + draw(st.floats(0, 1)) * (high - low)
    return problems.problem(layout, measure, limit, multiple, **least), scores


def least_cost(layout: Layout, measure: problems.Measure, multiple: dict[SiteKind, int], least: dict) -> float:
    """What the least widths cost, from the refusal."""
    with pytest.raises(TargetImpossible, match="the least widths alone") as refused:
        problems.problem(layout, measure, -1, multiple, **least)
    return float(refused.value.allowed.split()[0].replace(",", ""))


@given(cases(), GRAINS)
def test_a_choice_keeps_its_promises(case: tuple[Problem, torch.Tensor], grain: float) -> None:
    problem, scores = case
    kept = select(problem, scores, grain=grain)
    assert problem.budget.count(kept) <= problem.budget.limit
    assert problems.closed_with_their_holder(problem.layout, kept)
    for site in problem.layout.sites:
        chosen, inside = kept[problem.layout.span(site)], site.inside
        if inside is not None and not kept[problem.layout.offsets[inside[0]] + inside[1]]:
            continue
        assert int(chosen.sum()) in problem.allowed[site.name]
        _assert_no_wider_fits(problem, kept, site)


def _assert_no_wider_fits(problem: Problem, kept: torch.Tensor, site: Site) -> None:
    start, count = problem.layout.offsets[site.name], int(kept[problem.layout.span(site)].sum())
    wider = [width for width in problem.allowed[site.name] if width > count]
    if wider and site.kind is not SiteKind.EXPERTS:
        spare = start + (~kept[problem.layout.span(site)]).nonzero().flatten()
        trial = kept.clone()
        trial[spare[: wider[0] - count]] = True
        assert problem.budget.count(trial) > problem.budget.limit


@given(cases())
def test_the_best_of_a_site_stay_unless_only_the_cheapest_leave_room(case: tuple[Problem, torch.Tensor]) -> None:
    problem, scores = case
    kept = select(problem, scores)
    for site in problem.layout.sites:
        span = problem.layout.span(site)
        chosen, values = kept[span], scores[span]
        if site.kind is not SiteKind.EXPERTS and chosen.any() and not chosen.all():
            assert float(values[chosen].min()) >= float(values[~chosen].max())


def losses(problem: Problem, scores: torch.Tensor) -> list[dict[int, float]]:
    """C of every allowed width of every plain site, by the definition."""
    found = []
    for site in problem.layout.sites:
        ranked = scores[problem.layout.span(site)].double().sort().values
        found.append({n: float(ranked[: site.width - n].sum()) * site.width / n for n in problem.allowed[site.name]})
    return found


def best(problem: Problem, scores: torch.Tensor, limit: float) -> float:
    """The least loss within a limit, of all combinations of widths."""
    tables, least = losses(problem, scores), math.inf
    for widths in product(*tables):
        gates = torch.zeros(problem.layout.units, dtype=torch.float64)
        for site, width in zip(problem.layout.sites, widths, strict=True):
            gates[problem.layout.offsets[site.name] :][:width] = 1
        if problem.budget.count(gates) <= limit:
            least = min(least, sum(table[width] for table, width in zip(tables, widths, strict=True)))
    return least


def loss_of(problem: Problem, scores: torch.Tensor, kept: torch.Tensor) -> float:
    return sum(
        table[int(kept[problem.layout.span(site)].sum())]
        for site, table in zip(problem.layout.sites, losses(problem, scores), strict=True)
    )


SMALL = st.lists(st.integers(2, 6), min_size=1, max_size=4)


@given(SMALL, st.lists(st.integers(1, 5), min_size=4, max_size=4), st.floats(0.1, 1), st.integers(0, 2**31), GRAINS)
def test_with_separate_costs_it_is_the_optimum_of_a_budget_less_one_block(
    widths: list[int], prices: list[int], share: float, seed: int, grain: float
) -> None:
    """A knapsack filled by loss per cost is the optimum of what it uses, which lacks at most its dearest unit."""
    layout = problems.sites(*widths)
    measure = problems.priced(layout, dict(zip([site.name for site in layout.sites], prices, strict=False)))
    scores = torch.rand(layout.units, generator=torch.Generator().manual_seed(seed))
    limit = max(share * float(measure(torch.ones(layout.units))), sum(prices[: len(widths)]))
    problem = problems.problem(layout, measure, limit)
    kept = select(problem, scores, grain=grain)
    assert loss_of(problem, scores, kept) <= best(problem, scores, limit - max(prices)) + 1e-9


@given(SMALL, st.floats(0.3, 0.9), st.integers(0, 2**31))
def test_with_costs_that_are_products_it_is_near_the_optimum(widths: list[int], share: float, seed: int) -> None:
    layout = problems.sites(*widths)
    measure = problems.chained(layout)
    scores = torch.rand(layout.units, generator=torch.Generator().manual_seed(seed)) + 0.1
    total = float(measure(torch.ones(layout.units)))
    try:
        problem = problems.problem(layout, measure, share * total)
    except TargetImpossible:
        return
    kept = select(problem, scores)
    tightest = best(problem, scores, share * total - 2 * max(widths) - 5)  # no unit costs more
    assert loss_of(problem, scores, kept) <= 1.25 * tightest + 1e-9


@given(cases())
def test_a_budget_for_everything_keeps_everything(case: tuple[Problem, torch.Tensor]) -> None:
    problem, scores = case
    assert bool(select(problem, scores, limit=problem.budget.total).all())


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 1000), st.data())
def test_counted_units_are_met_exactly_and_grow_with_the_budget(
    widths: list[int], seed: int, data: st.DataObject
) -> None:
    layout = problems.sites(*widths)
    scores = torch.rand(layout.units, generator=torch.Generator().manual_seed(seed))
    limit = data.draw(st.integers(len(widths), layout.units))
    problem = problems.problem(layout, problems.priced(layout), limit)
    smaller, larger = (select(problem, scores, one) for one in (limit, min(limit + 1, layout.units)))
    assert int(smaller.sum()) == limit
    assert bool((larger | ~smaller).all())


def test_ordinary_networks_use_up_their_budget() -> None:
    """Channels in eights, as on most devices, of a network of ordinary widths."""
    layout = problems.sites(64, 96, 128, 128, 192, 256, 256, 384, 512, kind=SiteKind.CHANNELS)
    measure = problems.chained(layout)
    total = float(measure(torch.ones(layout.units)))
    generator = torch.Generator().manual_seed(0)
    for share, used in ((0.1, 0.97), (0.25, 0.98), (0.5, 0.99), (0.75, 0.99)):  # at 0.1 one block is 2 % of it
        problem = problems.problem(layout, measure, share * total, {SiteKind.CHANNELS: 8}, floor=0.5)
        kept = select(problem, torch.rand(layout.units, generator=generator))
        assert used * share * total <= problem.budget.count(kept) <= share * total


def test_no_site_is_starved_below_half_of_its_uniform_width() -> None:
    layout = problems.sites(40, 40)
    scores = torch.cat([torch.full((40,), 1e-9), torch.ones(40)])
    problem = problems.problem(layout, problems.priced(layout), 40, floor=0.5)
    assert int(select(problem, scores)[:40].sum()) == 10
    free = problems.problem(layout, problems.priced(layout), 40)
    assert int(select(free, scores)[:40].sum()) == 1


def test_a_good_hidden_unit_of_a_poor_expert_goes_with_it() -> None:
    layout = problems.experts([3, 3], 6)
    scores = torch.tensor([50.0, 0.1, 9, 9, 9, 9, 9, 9, 3, 3, 3, 3, 3, 3])
    kept = select(problems.problem(layout, problems.priced(layout), 10), scores)
    assert kept.tolist() == [True, False, *[True] * 3, *[False] * 3, *[True] * 6]


def test_one_expert_always_stays_and_the_cheapest_when_only_it_fits() -> None:
    layout = problems.experts([6, 2], 2)
    scores = torch.tensor([9.0, 1.0, *[1.0] * 10])
    measure = problems.priced(layout, {"e0": 3})
    kept = select(problems.problem(layout, measure, 3), scores)
    assert kept.tolist() == [False, True, *[False] * 6, True, False, True, False]
    with pytest.raises(TargetImpossible) as refused:
        problems.problem(problems.experts([6, 2], 2), measure, 2)
    assert refused.value.allowed == "3 parameters or more"


def test_a_unit_that_costs_nothing_is_never_closed() -> None:
    layout = problems.sites(4, 4)
    measure = problems.priced(layout, {"s0": 0.0})
    kept = select(problems.problem(layout, measure, 2), torch.tensor([0.0, 0, 0, 0, 1, 2, 3, 4]))
    assert kept.tolist() == [True] * 4 + [False, False, True, True]


def test_an_impossible_budget_says_what_is_possible() -> None:
    layout = problems.sites(8)
    with pytest.raises(TargetImpossible) as refused:
        problems.problem(layout, problems.priced(layout), 3, {SiteKind.HIDDEN: 4}, min_units=2)
    assert refused.value.where == "gates.target"
    assert refused.value.allowed == "4 parameters or more"
