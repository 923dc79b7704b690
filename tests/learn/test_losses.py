"""Losses against plain formulas."""

from __future__ import annotations

import fusion_models
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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


def test_balance_is_that_of_the_experts_and_nothing_without_a_training_pass() -> None:
    model = fusion_models.model(fusion_models.recipe()).eval()
    model(**fusion_models.example())
    assert float(losses.balance(model)) == 0
    model.train()(**fusion_models.example())
    wanted = model.moe.balance
    assert torch.equal(losses.balance(model), wanted)
    assert float(losses.balance(model)) == 0, "a pass counts once"
    assert float(losses.balance(torch.nn.Linear(2, 2))) == 0


def test_info_nce_is_the_mean_of_both_directions() -> None:
    a, b = torch.randn(5, 3, dtype=torch.double), torch.randn(5, 3, dtype=torch.double)
    cosines = torch.nn.functional.cosine_similarity(a[:, None], b[None], dim=-1).numpy() * 7
    rows, columns = np.log(softmax(cosines)), np.log(softmax(cosines.T))
    expected = -(np.diag(rows).mean() + np.diag(columns).mean()) / 2
    assert float(losses.info_nce(a, b, 7.0)) == pytest.approx(expected)


def test_what_cannot_be_told_apart_costs_the_logarithm_of_the_rows() -> None:
    same = torch.ones(8, 3)
    assert float(losses.info_nce(same, same, 14.0)) == pytest.approx(np.log(8), rel=1e-5)
