"""The controller: the expected cost follows the ramp, nothing winds up, gates end open or closed, and it resumes to
the bit."""

from __future__ import annotations

import problems
import pytest
import torch
from torch import Tensor

from l0gm_edge.core.recipe import Gates, Schedule, Target
from l0gm_edge.gates.methods import hard_concrete, ramped
from l0gm_edge.gates.methods.hard_concrete import CALM, SETTLED, HardConcrete

UNITS, STEPS, RAMP = 40, 60, 0.5
LAYOUT = problems.sites(33, 7)
WEIGHTS = torch.linspace(1, 3, UNITS, dtype=torch.float64)


def cost(probability: Tensor) -> Tensor:
    """A cost with a product in it, as parameters are."""
    weighted = (WEIGHTS * probability).sum() / WEIGHTS.sum()
    return 0.5 * weighted + 0.5 * weighted * probability[:7].mean()


def begin(target: float, seed: int = 0, steps: int = STEPS, **settings: object) -> HardConcrete:
    importance = torch.rand(UNITS, generator=torch.Generator().manual_seed(seed))
    problem = problems.problem(LAYOUT, cost, target, unit=problems.Unit.MS)
    gates = Gates(**{"target": Target(active_fraction=0.5), "ramp": RAMP} | settings)
    return hard_concrete.create(problem, importance, steps, gates)


def one_step(method: HardConcrete, wish: Tensor) -> None:
    """A task loss that wants some gates open, and the penalty."""
    loss = -(wish * method.values(training=True)).sum() + method.penalty()
    if loss.requires_grad:
        loss.backward()
    method.step(1.0)


WISH = torch.rand(UNITS, generator=torch.Generator().manual_seed(1))
CALMED, LEARNED = int(CALM * STEPS), int(SETTLED * STEPS)


@pytest.mark.parametrize("schedule", [Schedule.LINEAR, Schedule.COSINE])
@pytest.mark.parametrize("target", [0.1, 0.25, 0.5, 0.75])
def test_the_expected_cost_is_on_the_ramp_after_every_step(target: float, schedule: Schedule) -> None:
    torch.manual_seed(0)
    method = begin(target, schedule=schedule)
    start = float(cost(method.open_probability()))
    for step in range(1, LEARNED + 1):
        one_step(method, WISH)
        wanted = ramped(start, target, step / (RAMP * STEPS), schedule)
        assert float(cost(method.open_probability())) == pytest.approx(wanted, abs=1e-4)


def test_the_gates_that_the_loss_wants_stay_open() -> None:
    torch.manual_seed(0)
    method = begin(0.5)
    wish = torch.cat([torch.full((20,), 1.0), torch.full((20,), -1.0)])
    for _ in range(STEPS):
        one_step(method, wish)
    log_alpha = method.state_dict()["log_alpha"]
    assert float(log_alpha[:20].min()) > float(log_alpha[20:].max())
    scores = method.scores()
    assert float(scores[:20].min()) > float(scores[20:].max())


def test_noise_goes_then_learning_and_the_choice_is_within_the_target() -> None:
    torch.manual_seed(0)
    method = begin(0.4)
    draws = []
    for _ in range(STEPS):
        draws.append((method.values(training=True).detach().clone(), method.values(training=True).detach().clone()))
        one_step(method, WISH)
    same = [torch.equal(*pair) for pair in draws]
    assert same == [step >= CALMED for step in range(STEPS)]
    settled = [first for first, _ in draws[LEARNED:]]
    assert all(torch.equal(settled[0], one) for one in settled)
    assert bool(((settled[0] == 0) | (settled[0] >= 0.5)).all())
    assert 0.35 < float(cost((settled[0] > 0).double())) <= 0.4
    assert torch.equal(method.values(training=False), method.values(training=True))


def test_the_temperature_falls_and_gates_end_nearer_to_open_or_closed() -> None:
    torch.manual_seed(0)
    method = begin(0.5)
    for _ in range(STEPS):
        one_step(method, WISH - 0.5)
    probability = method.open_probability()
    assert float((probability * (1 - probability)).mean()) < 0.12


def test_nothing_winds_up_while_the_target_is_held() -> None:
    """With the ramp over early: the cost stays on target, and the multiplier is no longer on its way up."""
    torch.manual_seed(0)
    method = begin(0.3, steps=1000, ramp=0.03)
    multipliers = []
    for step in range(600):
        one_step(method, WISH)
        multipliers.append(float(method.state_dict()["multiplier"]))
        if step >= 30:
            assert float(cost(method.open_probability())) == pytest.approx(0.3, abs=1e-4)
    assert max(multipliers[-180:]) <= 1.5 * max(multipliers[-360:-180])


def test_under_a_fixed_penalty_it_is_the_multiplier_that_follows_the_ramp() -> None:
    torch.manual_seed(0)
    costs = {}
    for penalty in (0.5, 50.0):
        method = begin(0.3, schedule="fixed", penalty=penalty)
        for step in range(1, LEARNED + 1):
            one_step(method, WISH)
            wanted = penalty * min(1, step / (RAMP * STEPS))
            assert float(method.state_dict()["multiplier"]) == pytest.approx(wanted)
        costs[penalty] = float(cost(method.open_probability()))
    assert costs[50.0] < costs[0.5]
    assert costs[0.5] > 0.35  # the target does not pull


def test_the_penalty_gradient_is_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    method = begin(0.4)
    for _ in range(10):
        one_step(method, WISH)
    state = method.state_dict()
    method.penalty().backward()
    gradient = method.log_alpha.grad.clone()
    assert float(state["multiplier"]) > 0
    for unit in range(0, UNITS, 7):
        ends = []
        for move in (1e-2, -1e-2):
            changed = state["log_alpha"].clone()
            changed[unit] += move
            method.load_state_dict(state | {"log_alpha": changed})
            ends.append(float(state["multiplier"]) * float(cost(method.open_probability().double())))
        assert float(gradient[unit]) == pytest.approx((ends[0] - ends[1]) / 2e-2, rel=1e-2, abs=1e-5)


@pytest.mark.parametrize("stop", [1, 13, 45, 56])
def test_a_state_goes_on_to_the_bit(stop: int) -> None:
    torch.manual_seed(0)
    whole = begin(0.3)
    for step in range(STEPS):
        torch.manual_seed(step)
        one_step(whole, WISH)
        if step + 1 == stop:
            saved = whole.state_dict()
    resumed = begin(0.3, seed=99)  # begun from another importance: the state says where the ramp started
    resumed.load_state_dict(saved)
    for step in range(stop, STEPS):
        torch.manual_seed(step)
        one_step(resumed, WISH)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_important_units_start_likelier_open() -> None:
    problem = problems.problem(LAYOUT, cost, 0.5)
    gates = Gates(target=Target(active_fraction=0.5))
    method = hard_concrete.create(problem, torch.logspace(-6, 0, UNITS), STEPS, gates)
    probability = method.open_probability()
    assert bool((probability.diff() >= 0).all())
    assert float(probability[-1]) > float(probability[0])


def test_a_gradient_that_is_not_finite_teaches_nothing() -> None:
    method = begin(0.5)
    before = method.state_dict()["log_alpha"]
    (method.values(training=True).sum() * float("inf")).backward()
    method.step(1.0)
    assert torch.equal(method.state_dict()["log_alpha"], before)


def test_a_loss_that_was_scaled_teaches_the_same() -> None:
    found = []
    for scale in (1.0, 1024.0):
        torch.manual_seed(0)
        method = begin(0.5)
        for _ in range(5):
            (scale * (-(WISH * method.values(training=True)).sum() + method.penalty())).backward()
            method.step(scale)
        found.append(method.state_dict()["log_alpha"])
    torch.testing.assert_close(*found)
