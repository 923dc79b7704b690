"""Hard gates under a shrinking budget: on the ramp at every choice, closed units may come back, resumed to the bit."""

from __future__ import annotations

import problems
import pytest
import torch
from torch import Tensor

from l0gm_edge.core.recipe import Gates, Schedule, Target
from l0gm_edge.gates.methods import progressive, ramped
from l0gm_edge.gates.methods.progressive import EVERY, SETTLED, Progressive
from l0gm_edge.gates.problem import Problem

STEPS, RAMP = 80, 0.5
LAYOUT = problems.sites(30, 40, 30)
COST = problems.chained(LAYOUT)
TOTAL = float(COST(torch.ones(LAYOUT.units)))


def problem(target: float) -> Problem:
    return problems.problem(LAYOUT, COST, target * TOTAL)


def begin(target: float, importance: Tensor | None = None, **settings: object) -> Progressive:
    importance = torch.full((LAYOUT.units,), 1e-6) if importance is None else importance
    gates = Gates(**{"target": Target(active_fraction=0.5), "ramp": RAMP} | settings)
    return progressive.create(problem(target), importance, STEPS, gates)


def one_step(method: Progressive, gain: Tensor, noise: float = 0.0) -> None:
    """A loss that falls with every gate by its gain."""
    gain = gain + noise * torch.randn(len(gain))
    (-(gain * method.values(training=True)).sum() + method.penalty()).backward()
    method.step(1.0)


GAIN = torch.rand(LAYOUT.units, generator=torch.Generator().manual_seed(0)) + 0.01


@pytest.mark.parametrize("schedule", [Schedule.LINEAR, Schedule.COSINE])
@pytest.mark.parametrize("target", [0.1, 0.4, 0.8])
def test_every_choice_is_within_the_ramp_and_uses_it(target: float, schedule: Schedule) -> None:
    method = begin(target, schedule=schedule)
    for step in range(1, STEPS + 1):
        one_step(method, GAIN)
        if step % EVERY == 0:
            limit = ramped(TOTAL, target * TOTAL, step / (RAMP * STEPS), schedule)
            assert limit - 90 <= method.problem.budget.count(method.open_probability()) <= limit
    assert set(method.values(training=True).tolist()) <= {0.0, 1.0}


def test_the_units_whose_gates_the_loss_minds_stay_within_each_site() -> None:
    method = begin(0.3)
    for _ in range(STEPS):
        one_step(method, GAIN, noise=0.01)
    kept = method.open_probability().bool()
    for site in LAYOUT.sites:
        mine, gain = kept[LAYOUT.span(site)], GAIN[LAYOUT.span(site)]
        assert float(gain[mine].mean()) > float(gain[~mine].mean())


def test_a_closed_unit_that_becomes_needed_comes_back() -> None:
    poor = GAIN.clone()
    poor[:10] = 1e-6
    method = begin(0.5)
    for _ in range(STEPS // 2):
        one_step(method, poor)
    assert not method.open_probability()[:10].any()
    rich = GAIN.clone()
    rich[:10] = 3.0
    for _ in range(STEPS // 4):
        one_step(method, rich)
    assert method.open_probability()[:10].all()


def test_the_choice_stands_after_the_end_of_learning() -> None:
    method = begin(0.5)
    for _ in range(round(SETTLED * STEPS)):
        one_step(method, GAIN)
    settled = method.open_probability().clone()
    for _ in range(STEPS - round(SETTLED * STEPS)):
        one_step(method, 1.1 - GAIN)
        assert torch.equal(method.open_probability(), settled)


def test_cuts_come_as_often_as_planned_and_never_take_what_is_open() -> None:
    method = begin(0.3, cuts=4, slack=1.5)
    due = {}
    for step in range(1, STEPS + 1):
        one_step(method, GAIN)
        spared = method.spared()
        if spared is not None:
            due[step] = spared
            assert bool((spared | ~method.open_probability().bool()).all())
            limit = ramped(TOTAL, 0.3 * TOTAL, step / (RAMP * STEPS), Schedule.LINEAR)
            assert method.problem.budget.count(spared) <= 1.5 * limit
    assert list(due) == [13, 27, 40, 68]
    assert torch.equal(due[68], method.open_probability().bool())
    assert begin(0.3, cuts=0).spared() is None


@pytest.mark.parametrize("stop", [1, 13, 45, 75])
def test_a_state_goes_on_to_the_bit(stop: int) -> None:
    whole = begin(0.3)
    for step in range(STEPS):
        torch.manual_seed(step)
        one_step(whole, GAIN, noise=1.0)
        if step + 1 == stop:
            saved = whole.state_dict()
    resumed = begin(0.3, importance=torch.rand(LAYOUT.units))
    resumed.load_state_dict(saved)
    for step in range(stop, STEPS):
        torch.manual_seed(step)
        one_step(resumed, GAIN, noise=1.0)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_it_goes_on_with_the_units_that_are_left() -> None:
    method = begin(0.5)
    for _ in range(20):
        one_step(method, GAIN)
    kept = torch.nonzero(method.open_probability()).flatten()
    before = method.state_dict()
    smaller = problems.sites(*(int(method.open_probability()[LAYOUT.span(site)].sum()) for site in LAYOUT.sites))
    method.compact(problem(0.5).within(smaller, torch.zeros(LAYOUT.units), kept), kept)
    after = method.state_dict()
    for name in ("fisher", "momentum", "learned", "ranked", "mask"):
        assert torch.equal(after[name], before[name][kept])
    for _ in range(60):
        one_step(method, GAIN[kept])
    assert 0.48 * TOTAL < method.problem.budget.count(method.open_probability()) <= 0.5 * TOTAL
