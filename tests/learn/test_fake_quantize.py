"""Fake quantization: the grid of int8 and no other, gradients pass, nothing stays, and training minds it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from l0gm_edge.learn.fake_quantize import fake_quantized, on_input_grid, on_weight_grid

seeds = st.integers(0, 2**31)


@given(seed=seeds, spread=st.floats(1e-3, 1e3))
def test_weights_lie_on_a_symmetric_grid_of_their_channel(seed: int, spread: float) -> None:
    draw = np.random.default_rng(seed)
    weight = (draw.standard_normal((5, 3, 2, 2)) * spread ** draw.uniform(-1, 1, (5, 1, 1, 1))).astype(np.float32)
    found = on_weight_grid(torch.from_numpy(weight)).numpy()
    scale = np.abs(weight).max(axis=(1, 2, 3), keepdims=True) / 127
    np.testing.assert_allclose(found / scale, np.round(found / scale), atol=1e-3)
    assert np.all(np.abs(found - weight) <= 0.5001 * scale)
    np.testing.assert_allclose(np.abs(found).max(axis=(1, 2, 3)), np.abs(weight).max(axis=(1, 2, 3)), rtol=1e-5)


@given(seed=seeds, factors=st.lists(st.floats(0.01, 100), min_size=4, max_size=4))
def test_a_factor_of_a_channel_changes_its_scale_and_not_its_grid(seed: int, factors: list[float]) -> None:
    torch.manual_seed(seed)
    weight, factor = torch.randn(4, 6), torch.tensor(factors)[:, None]
    torch.testing.assert_close(on_weight_grid(weight * factor), on_weight_grid(weight) * factor, rtol=2e-2, atol=1e-4)


@given(seed=seeds, shift=st.floats(-5, 5))
def test_inputs_lie_on_256_levels_and_zero_is_exact(seed: int, shift: float) -> None:
    torch.manual_seed(seed)
    x = torch.randn(40, 7) + shift
    x[0, 0] = 0
    found = on_input_grid(x)
    assert found[0, 0] == 0
    assert found.unique().numel() <= 256
    step = (max(float(x.max()), 0) - min(float(x.min()), 0)) / 255
    assert float((found - x).abs().max()) <= 1.01 * step


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(128, 16), nn.Linear(16, 3)
    )


def test_gradients_pass_and_the_model_is_as_it_was() -> None:
    model, x = network().eval(), torch.randn(4, 1, 4, 4)
    before = model(x)
    with fake_quantized(model):
        within = model(x)
        within.sum().backward()
    assert not torch.equal(within, before)
    assert torch.equal(model(x), before)
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
    assert not any("forward" in vars(module) for module in model.modules())


class Doubled(nn.Linear):
    """A linear layer with a forward pass of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def test_layers_of_the_persons_own_are_left_alone() -> None:
    model, x = nn.Sequential(Doubled(5, 3)), torch.randn(2, 5)
    before = model(x)
    with fake_quantized(model):
        assert torch.equal(model(x), before)


def test_a_layer_of_zeros_gives_zeros() -> None:
    layer = nn.Linear(4, 2)
    nn.init.zeros_(layer.weight)
    with fake_quantized(layer):
        torch.testing.assert_close(layer(torch.zeros(3, 4)), layer.bias.expand(3, 2))


def test_an_error_within_leaves_nothing_behind() -> None:
    model = network()
    with pytest.raises(RuntimeError), fake_quantized(model):
        model(torch.randn(4, 2, 4, 4))
    assert not any("forward" in vars(module) for module in model.modules())


def test_training_under_it_brings_down_what_rounding_costs() -> None:
    """Inputs of very different sizes make 8 bits too few; weights learn to live with that."""
    torch.manual_seed(0)
    x = torch.randn(256, 12) * torch.logspace(-2, 1.5, 12)
    y = (x / x.std(0)).sum(1, keepdim=True)

    def trained(*, aware: bool) -> float:
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        for step in range(600):
            optimizer.zero_grad()
            if aware and step >= 300:
                with fake_quantized(model):
                    loss = nn.functional.mse_loss(model(x), y)
            else:
                loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
        with torch.no_grad(), fake_quantized(model):
            return float(nn.functional.mse_loss(model(x), y))

    assert trained(aware=True) < 0.9 * trained(aware=False)
