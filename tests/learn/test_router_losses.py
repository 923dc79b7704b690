"""Losses of routing against plain formulas, at their extremes, and as a model brings them."""

from __future__ import annotations

from math import log

import fusion_models
import numpy as np
import pytest
import token_models
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy, norm

from l0gm_edge.core.network import Global, RouterLosses
from l0gm_edge.core.site import CLOSED_LOGIT
from l0gm_edge.learn import router_losses

SURE = 1e3
"""A logit that leaves no doubt."""


def drawn(seed: int, rows: int = 12, experts: int = 5) -> tuple[torch.Tensor, np.ndarray]:
    logits = np.random.default_rng(seed).normal(size=(rows, experts)) * 2
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return torch.from_numpy(logits), raised / raised.sum(1, keepdims=True)


def one_hot(experts: list[int], among: int) -> torch.Tensor:
    return torch.eye(among, dtype=torch.float64)[experts] * SURE


@given(st.integers(0, 1000))
def test_they_are_their_formulas(seed: int) -> None:
    logits, probabilities = drawn(seed)
    use = probabilities.sum(0)
    assert float(router_losses.importance(logits)) == pytest.approx((use.std() / use.mean()) ** 2)
    assert float(router_losses.z(logits)) == pytest.approx(np.mean(np.log(np.exp(logits.numpy()).sum(1)) ** 2))
    assert float(router_losses.local_entropy(logits)) == pytest.approx(entropy(probabilities, axis=1).mean())
    lacking = max(0.0, log(3) - entropy(probabilities.mean(0)))
    assert float(router_losses.global_entropy(logits, 3)) == pytest.approx(lacking, abs=1e-12)


@given(st.integers(0, 1000), st.integers(1, 4))
def test_load_is_the_chance_of_being_chosen_again(seed: int, top_k: int) -> None:
    logits, _ = drawn(seed)
    noise = torch.from_numpy(np.random.default_rng(seed + 1).normal(size=logits.shape))
    clean, noisy = logits.numpy(), (logits + noise / 5).numpy()
    threshold = np.sort(noisy, axis=1)[:, -top_k]
    chance = np.array([[1 - norm.cdf((threshold[i] - clean[i, e]) * 5) for e in range(5)] for i in range(len(clean))])
    mean = chance.mean(0)
    assert float(router_losses.load(logits, noise, top_k)) == pytest.approx((mean.std() / mean.mean()) ** 2, rel=1e-6)


@pytest.mark.parametrize("experts", [2, 3, 8])
def test_collapse_costs_the_whole_threshold_and_even_use_of_so_many_nothing(experts: int) -> None:
    collapsed, even = one_hot([2] * 24, 8), one_hot(list(range(experts)) * 4, 8)
    assert float(router_losses.global_entropy(collapsed, experts)) == pytest.approx(log(experts))
    assert float(router_losses.global_entropy(even, experts)) == pytest.approx(0, abs=1e-9)
    assert float(router_losses.local_entropy(even)) == pytest.approx(0, abs=1e-9)
    assert float(router_losses.local_entropy(torch.zeros(3, 8))) == pytest.approx(log(8))


def test_importance_is_zero_when_all_experts_are_used_alike_and_largest_when_one_is() -> None:
    assert float(router_losses.importance(torch.eye(4) * 3)) == pytest.approx(0, abs=1e-9)
    collapsed = torch.tensor([[50.0, 0, 0, 0]]).expand(6, -1)
    assert float(router_losses.importance(collapsed)) == pytest.approx(3, abs=1e-6)  # experts - 1


@given(st.integers(0, 1000))
def test_closed_experts_do_not_count(seed: int) -> None:
    logits, _ = drawn(seed, experts=3)
    wider = torch.cat([logits, torch.full((len(logits), 2), CLOSED_LOGIT, dtype=torch.float64)], dim=1)
    noise = torch.randn(wider.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    pairs = {
        router_losses.importance: ((), ()),
        router_losses.load: ((noise, 2), (noise[:, :3], 2)),
        router_losses.z: ((), ()),
        router_losses.local_entropy: ((), ()),
        router_losses.global_entropy: ((5,), (3,)),
    }
    for loss, (more, less) in pairs.items():
        wide, narrow = wider.clone().requires_grad_(), logits.clone().requires_grad_()
        found, expected = loss(wide, *more), loss(narrow, *less)
        torch.testing.assert_close(found, expected)
        (slope,), (wanted,) = torch.autograd.grad(found, wide), torch.autograd.grad(expected, narrow)
        torch.testing.assert_close(slope, torch.nn.functional.pad(wanted, (0, 2)))


def test_gates_that_are_all_closed_cost_nothing() -> None:
    closed = torch.full((4, 3), CLOSED_LOGIT)
    assert float(router_losses.importance(closed)) == 0
    assert float(router_losses.load(closed, torch.zeros(4, 3), 1)) == 0
    assert float(router_losses.global_entropy(closed, 3)) == 0


def test_a_pass_counts_once_and_only_in_training() -> None:
    model = fusion_models.model(fusion_models.recipe()).eval()
    model(**fusion_models.example())
    assert float(router_losses.total(model, 1.0, RouterLosses())) == 0
    model.train()(**fusion_models.example())
    expected = 0.5 * router_losses.importance(model.moe.routed.logits)
    torch.testing.assert_close(router_losses.total(model, 0.5, RouterLosses()), expected)
    assert float(router_losses.total(model, 0.5, RouterLosses())) == 0
    assert float(router_losses.total(torch.nn.Linear(2, 2), 0.5, RouterLosses())) == 0


def test_each_layer_and_modality_counts_by_its_weight_and_padding_never() -> None:
    model = token_models.model(token_models.recipe("early")).train()
    asked = RouterLosses(z=0.1, local_entropy={"words": 2.0}, global_entropy={"audio": Global(weight=3.0, experts=4)})
    model(**token_models.example(5))
    expected = torch.zeros(())
    for block in model.trunk.blocks:
        said = block.feed_forward.routed
        words, audio = said.of_modality("words"), said.of_modality("audio")
        assert (len(words), len(audio)) == (5 * 4, 5 * 6)  # two of six words pad
        expected = expected + 0.1 * router_losses.z(said.logits) + 2 * router_losses.local_entropy(words)
        expected = expected + 3 * router_losses.global_entropy(audio, 4)
    found = router_losses.total(model, 0.0, asked)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert all(bool(block.feed_forward.router.weight.grad.any()) for block in model.trunk.blocks)
