"""The predictor against a made-up device whose latency is known in closed form."""

from __future__ import annotations

import costs
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from l0gm_edge.core.hardware import ChannelMultiple
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.cost.features import Features
from l0gm_edge.cost.fit import Fit, errors, fit
from l0gm_edge.cost.latency import accuracy
from l0gm_edge.cost.sample import sample
from l0gm_edge.pipeline.cuts import Subject


@pytest.fixture(scope="module")
def one() -> Subject:
    return costs.subject()


@pytest.mark.parametrize("step", [4, 16])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_unseen_cuts_are_predicted_well(one: Subject, step: int, noise: float) -> None:
    table = costs.table(one, 56, noise, step=step)
    known = fit(one.size, *table.points(held_out=False))
    fresh = sample(one.layout, one.allowed, one.size.macs, 60, seed=7)
    missed = errors(known, torch.stack(fresh), [costs.ratio(one, kept, step=step) for kept in fresh])
    assert np.median(missed) < 0.03
    assert np.quantile(missed, 0.9) < 0.1
    assert accuracy(table, one.size).median < 0.05


def test_a_width_that_the_device_dislikes_is_known_to_cost_more() -> None:
    one = costs.subject(ChannelMultiple(convolution=4))
    known = fit(one.size, *costs.table(one, 80, odd=1.0).points())
    wide = torch.ones(one.layout.units, dtype=torch.bool)
    narrow = wide.clone()
    narrow[one.layout.span(one.layout.sites[0])][28:] = False
    assert costs.widths(one, narrow) == [28, 64, 256]
    assert costs.ratio(one, narrow, odd=1.0) > costs.ratio(one, wide, odd=1.0)
    assert float(known(narrow[None])) > float(known(wide[None]))


def test_where_no_width_is_disliked_more_units_never_cost_less(one: Subject) -> None:
    known = fit(one.size, *costs.table(one, 60, odd=0.0).points())
    random = np.random.default_rng(0)
    for kept in sample(one.layout, one.allowed, one.size.macs, 30, seed=3):
        more = kept | torch.from_numpy(random.random(len(kept)) < 0.2)
        before, after = known(torch.stack([kept, more])).tolist()
        assert after > before - 0.02


def test_predictions_have_gradients_that_fit_say_what_a_unit_costs(one: Subject) -> None:
    known = fit(one.size, *costs.table(one, 60).points())
    gates = torch.full((1, one.layout.units), 0.5, dtype=torch.float64, requires_grad=True)
    known(gates).sum().backward()
    assert gates.grad is not None
    assert bool((gates.grad > 0).all())


def test_weights_say_which_rows_matter(one: Subject) -> None:
    kept, ratios = costs.table(one, 40).points()
    doubled = [*ratios, *(2 * ratio for ratio in ratios)]
    twice = torch.cat([kept, kept])
    for weights, expected in (([1.0] * 41 + [1e-3] * 41, 1), ([1e-3] * 41 + [1.0] * 41, 2)):
        assert float(fit(one.size, twice, doubled, weights)(kept[:1])) == pytest.approx(expected, rel=0.1)


def test_features_are_nothing_for_nothing_and_grow(one: Subject) -> None:
    features = Features(one.size, 16)
    nothing, half, everything = features(torch.tensor([[0.0], [0.5], [1.0]]).expand(3, one.layout.units))
    assert float(nothing[0]) == float(everything[0]) == 1.0
    assert bool((nothing[1:] <= everything[1:]).all())
    assert bool((features.penalty >= 0).all())
    assert len(features.penalty) == len(everything)
    assert bool(torch.isfinite(half).all())
    assert float(everything.max()) == 1.0


def test_a_prediction_is_the_coefficients_times_the_features(one: Subject) -> None:
    features = Features(one.size, 16)
    coefficients = torch.rand(len(features.penalty), dtype=torch.float64)
    gates = torch.rand(3, one.layout.units)
    expected = features(gates) @ coefficients
    assert torch.allclose(Fit(features, coefficients)(gates), expected)
    assert torch.allclose(Fit(features, coefficients).scaled(2)(gates), 2 * expected)


def test_a_layer_inside_a_closed_unit_costs_nothing() -> None:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.Sequential(*(Residual() for _ in range(3)))

        def forward(self, x: Tensor) -> Tensor:
            return self.blocks(x)

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))

        def forward(self, x: Tensor) -> Tensor:
            return x + self.inner(x)

    one = Subject.of(Network().eval(), {"x": torch.randn(1, 8)}, costs.GATES, ChannelMultiple())
    (blocks,) = [site for site in one.layout.sites if site.kind is SiteKind.BLOCKS]
    gates = torch.ones(1, one.layout.units)
    gates[0, one.layout.offsets[blocks.name] + 1] = 0
    found = Features(one.size, 16).of_layers(gates)[0]
    assert sorted(found[0].tolist()) == [0.0, 0.0, *[128.0] * 4]
