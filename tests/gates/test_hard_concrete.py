"""The hard-concrete gate against its own formulas (arXiv 1712.01312)."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.gates import hard_concrete

VALUES = (-3.0, -1.0, 0.0, 1.5, 4.0)


@pytest.mark.parametrize("beta", [hard_concrete.BETA, 0.3])
@pytest.mark.parametrize("log_alpha", VALUES)
def test_a_million_samples_are_open_as_often_as_the_formula_says(log_alpha: float, beta: float) -> None:
    generator = torch.Generator().manual_seed(11)
    gates = hard_concrete.sample(torch.full((1_000_000,), log_alpha), beta, generator)
    expected = 1 / (1 + math.exp(-(log_alpha + 1.5 * beta * 1.599)))
    assert float((gates > 0).double().mean()) == pytest.approx(expected, abs=0.005)
    assert float(hard_concrete.open_probability(torch.tensor(log_alpha), beta)) == pytest.approx(expected, abs=1e-4)


@given(st.lists(st.floats(-12, 12), min_size=1, max_size=20), st.integers(0, 2**31))
def test_gates_lie_within_0_and_1_and_follow_their_generator(values: list[float], seed: int) -> None:
    log_alpha = torch.tensor(values)
    first, second = (hard_concrete.sample(log_alpha, generator=torch.Generator().manual_seed(seed)) for _ in range(2))
    assert torch.equal(first, second)
    for gates in (first, hard_concrete.deployed(log_alpha)):
        assert bool(((gates >= 0) & (gates <= 1)).all())


@given(st.floats(-10, 10), st.floats(0.1, 1))
def test_a_deployed_gate_closes_exactly_where_it_is_open_half_of_the_time(log_alpha: float, beta: float) -> None:
    value = torch.tensor(log_alpha, dtype=torch.float64)
    probability = float(hard_concrete.open_probability(value, beta))
    if abs(probability - 0.5) > 1e-6:
        assert bool(hard_concrete.deployed(value, beta) > 0) == (probability > 0.5)


def test_the_deployed_gate_touches_zero_at_one_half() -> None:
    threshold = torch.tensor(hard_concrete.BETA * hard_concrete.CLOSES_AT, dtype=torch.float64)
    assert float(hard_concrete.deployed(threshold)) == pytest.approx(0, abs=1e-12)
    assert float(hard_concrete.deployed(threshold + 1e-3)) > 0
    assert float(hard_concrete.deployed(threshold - 1e-3)) == 0


@pytest.mark.parametrize("log_alpha", VALUES)
def test_the_gradient_of_the_open_probability_is_that_of_finite_differences(log_alpha: float) -> None:
    value = torch.tensor([log_alpha], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(hard_concrete.open_probability, (value,))


def test_the_gradient_of_a_sample_is_that_of_finite_differences() -> None:
    value = torch.linspace(-1, 1, 7, dtype=torch.float64, requires_grad=True)

    def draw(log_alpha: torch.Tensor) -> torch.Tensor:
        return hard_concrete.sample(log_alpha, generator=torch.Generator().manual_seed(5))

    assert torch.autograd.gradcheck(draw, (value,))
