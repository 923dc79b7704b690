"""The controller: the expected cost follows the ramp, nothing winds up, and it resumes to the bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from l0gm_edge.gates import methods
from l0gm_edge.gates.methods import Method

UNITS, STEPS, RAMP = 40, 60, 0.5
WEIGHTS = torch.linspace(1, 3, UNITS, dtype=torch.float64)


def cost(probability: Tensor) -> Tensor:
    """A cost with a product in it, as parameters are."""
    weighted = (WEIGHTS * probability).sum() / WEIGHTS.sum()
    return 0.5 * weighted + 0.5 * weighted * probability[:7].mean()


def begin(target: float, seed: int = 0, lr: float = 0.1) -> Method:
    importance = torch.rand(UNITS, generator=torch.Generator().manual_seed(seed))
    return methods.plugin("hard_concrete").create(importance, cost, target, STEPS, lr, RAMP)


def one_step(method: Method, wish: Tensor) -> None:
    """A task loss that wants some gates open, and the penalty."""
    loss = -(wish * method.values(training=True)).sum() + method.penalty()
    loss.backward()
    method.step()


WISH = torch.rand(UNITS, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("target", [0.1, 0.25, 0.5, 0.75])
def test_the_expected_cost_is_on_the_ramp_after_every_step(target: float) -> None:
    torch.manual_seed(0)
    method = begin(target)
    start = float(cost(method.open_probability()))
    for step in range(1, STEPS + 1):
        one_step(method, WISH)
        wanted = start + (target - start) * min(1, step / (RAMP * STEPS))
        assert float(cost(method.open_probability())) == pytest.approx(wanted, abs=1e-4)


def test_the_gates_that_the_loss_wants_stay_open() -> None:
    torch.manual_seed(0)
    method = begin(0.5)
    wish = torch.cat([torch.full((20,), 1.0), torch.full((20,), -1.0)])
    for _ in range(STEPS):
        one_step(method, wish)
    scores = method.scores()
    assert float(scores[:20].min()) > float(scores[20:].max())


def test_nothing_winds_up_while_the_target_is_held() -> None:
    """Ten times as long as planned: the cost stays on target, and the multiplier is no longer on its way up."""
    torch.manual_seed(0)
    method = begin(0.3)
    multipliers = []
    for step in range(10 * STEPS):
        one_step(method, WISH)
        multipliers.append(float(method.state_dict()["multiplier"]))
        if step >= RAMP * STEPS:
            assert float(cost(method.open_probability())) == pytest.approx(0.3, abs=1e-4)
    assert max(multipliers[-180:]) <= 1.5 * max(multipliers[-360:-180])


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


@pytest.mark.parametrize("stop", [1, 13, 45])
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
    importance = torch.logspace(-6, 0, UNITS)
    method = methods.plugin("hard_concrete").create(importance, cost, 0.5, STEPS, 0.1, RAMP)
    probability = method.open_probability()
    assert bool((probability.diff() >= 0).all())
    assert float(probability[-1]) > float(probability[0])
