"""Importance alone: chosen at once, cut at once, and nothing learned."""

from __future__ import annotations

import problems
import torch

from l0gm_edge.core.recipe import Gates, Target
from l0gm_edge.gates.methods import one_shot
from l0gm_edge.gates.select import select
from l0gm_edge.gates.target import Unit

LAYOUT = problems.sites(20, 20)
IMPORTANCE = torch.rand(LAYOUT.units, generator=torch.Generator().manual_seed(0))
SETTINGS = Gates(target=Target(active_fraction=0.5))


def begin(unit: Unit = Unit.UNITS, **settings: object) -> one_shot.OneShot:
    problem = problems.problem(LAYOUT, problems.priced(LAYOUT), 15, unit=unit)
    return one_shot.create(problem, IMPORTANCE, 10, SETTINGS.model_copy(update=settings))


def test_it_keeps_the_most_important_and_never_changes_its_mind() -> None:
    method = begin()
    first = method.values(training=True).clone()
    assert int(first.sum()) == 15
    assert torch.equal(first.bool(), select(method.problem, IMPORTANCE.sqrt()))
    method.step(1.0)
    assert torch.equal(method.values(training=True), first)
    assert float(method.penalty()) == 0


def test_it_is_cut_at_once_to_what_was_chosen_and_once_only() -> None:
    method = begin()
    spared = method.spared()
    assert torch.equal(spared, method.open_probability().bool())
    kept = torch.nonzero(spared).flatten()
    widths = [int(spared[LAYOUT.span(site)].sum()) for site in LAYOUT.sites]
    method.compact(method.problem.within(problems.sites(*widths), torch.zeros(LAYOUT.units), kept), kept)
    assert method.spared() is None
    assert bool(method.values(training=True).all())


def test_where_latency_is_predicted_candidates_are_left_to_time() -> None:
    assert 15 < int(begin(Unit.MS, slack=1.4).spared().sum()) <= 18
    assert begin(Unit.MS, cuts=0).spared() is None


def test_a_state_goes_on() -> None:
    method = begin()
    other = one_shot.create(method.problem, torch.rand(LAYOUT.units), 10, SETTINGS)
    other.load_state_dict(method.state_dict())
    assert torch.equal(other.values(training=True), method.values(training=True))
    assert torch.equal(other.scores(), method.scores())
