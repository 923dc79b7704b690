"""Losses against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.site import CLOSED_LOGIT
from l0gm_edge.learn import losses


def softmax(values: np.ndarray) -> np.ndarray:
    return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)


@given(st.floats(0.5, 8), st.integers(0, 1000))
def test_distillation_is_the_softened_divergence(temperature: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    student, teacher = draw.normal(size=(2, 5, 3)) * 3
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    expected = (p * np.log(p / q)).sum(axis=1).mean() * temperature**2
    found = losses.distillation(torch.from_numpy(student), torch.from_numpy(teacher), temperature)
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_student_like_its_teacher_loses_nothing() -> None:
    logits = torch.randn(4, 3)
    assert float(losses.distillation(logits, logits + 2.5, 2.0)) == pytest.approx(0, abs=1e-6)


@given(st.floats(0, 0.9))
def test_classification_is_the_smoothed_cross_entropy(smoothing: float) -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    wanted = (1 - smoothing) * np.eye(4)[labels.numpy()] + smoothing / 4
    expected = -(wanted * np.log(softmax(logits.numpy()))).sum(axis=1).mean()
    assert float(losses.classification(logits, labels, smoothing)) == pytest.approx(expected)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(2, 7), st.floats(0.5, 20))
def test_info_nce_is_the_mean_of_both_ways_to_find_ones_own(n: int, scale: float) -> None:
    a, b = normal(n, 4).numpy(), normal(n, 4, seed=1).numpy()
    cosines = (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T
    own = [np.diag(np.log(softmax(scale * each))).mean() for each in (cosines, cosines.T)]
    found = losses.info_nce(torch.from_numpy(a), torch.from_numpy(b), scale)
    assert float(found) == pytest.approx(-np.mean(own))


@given(st.lists(st.integers(0, 2), min_size=2, max_size=8))
def test_supervised_contrast_is_the_mean_over_rows_that_are_not_alone(labels: list[int]) -> None:
    features = normal(len(labels), 3).numpy()
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    terms = []
    for row, label in enumerate(labels):
        others = [other for other in range(len(labels)) if other != row]
        shares = np.exp(2.0 * directions[others] @ directions[row])
        alike = [at for at, other in enumerate(others) if labels[other] == label]
        if alike:
            terms.append(-np.log(shares[alike] / shares.sum()).mean())
    found = losses.supervised_contrastive(torch.from_numpy(features), torch.tensor(labels), 2.0)
    assert float(found) == pytest.approx(np.mean(terms) if terms else 0.0)


def test_classes_of_one_direction_are_compact_and_opposite_rows_are_not() -> None:
    one, other = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 0.5])
    features = torch.stack([one, other, 2 * one, 4 * other])
    assert float(losses.compactness(features, torch.tensor([0, 1, 0, 1]))) == 0
    assert float(losses.compactness(features, torch.tensor([0, 0, 1, 1]))) == pytest.approx(0.5)
    assert float(losses.compactness(torch.stack([one, -one]), torch.tensor([0, 0]))) == pytest.approx(1)


def test_a_router_that_is_sure_and_even_loses_nothing_and_one_that_is_not_loses_log_e() -> None:
    sure = 100 * torch.eye(4).repeat(3, 1)
    assert float(losses.balanced_and_confident(sure)) == pytest.approx(0, abs=1e-6)
    assert float(losses.balanced_and_confident(torch.zeros(5, 4))) == pytest.approx(np.log(4))
    assert float(losses.balanced_and_confident(sure[:1].repeat(5, 1))) == pytest.approx(np.log(4))


def test_an_expert_that_gates_closed_gives_no_gradient_and_no_nan() -> None:
    logits = torch.randn(6, 4)
    logits[:, 2] = CLOSED_LOGIT
    logits.requires_grad_()
    losses.balanced_and_confident(logits).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert float(logits.grad[:, 2].abs().max()) == 0
    assert float(logits.grad.abs().max()) > 0
