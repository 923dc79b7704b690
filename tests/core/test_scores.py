"""Scores against scikit-learn, scipy and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity

from l0gm_edge.core import scores


def made(rows: int, classes: int, seed: int, sharpness: float = 2.0) -> tuple[scores.Logits, scores.Labels]:
    """Logits that know something of their labels."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(classes, size=rows)
    logits = sharpness * (np.eye(classes)[labels] + draw.normal(size=(rows, classes)))
    return logits.astype(np.float32), labels


shapes = st.tuples(st.integers(2, 60), st.integers(2, 6), st.integers(0, 10_000))


@given(shapes)
def test_probabilities_are_a_distribution(shape: tuple[int, int, int]) -> None:
    odds = scores.probabilities(made(*shape)[0], 0.7)
    assert (odds >= 0).all()
    np.testing.assert_allclose(odds.sum(axis=1), 1)


@given(shapes)
def test_figures_equal_those_of_scikit_learn(shape: tuple[int, int, int]) -> None:
    logits, labels = made(*shape)
    odds = scores.probabilities(logits)
    known = list(range(shape[1]))
    assert scores.nll(logits, labels) == pytest.approx(log_loss(labels, odds, labels=known), rel=1e-6)
    truth = np.eye(shape[1])[labels]
    by_class = [brier_score_loss(truth[:, k], odds[:, k], pos_label=1) for k in known if len(set(truth[:, k])) == 2]
    if len(by_class) == shape[1]:
        assert scores.brier(logits, labels) == pytest.approx(sum(by_class), rel=1e-6)
    present = set(labels)
    if set(odds.argmax(axis=1)) <= present and len(present) > 1:
        assert scores.balanced_accuracy(logits, labels) == pytest.approx(
            balanced_accuracy_score(labels, odds.argmax(axis=1))
        )


@given(shapes)
def test_macro_f1_equals_scikit_learn(shape: tuple[int, int, int]) -> None:
    logits, labels = made(*shape)
    expected = f1_score(labels, logits.argmax(axis=1), labels=np.unique(labels), average="macro", zero_division=0)
    assert scores.macro_f1(logits, labels) == pytest.approx(expected)


@given(st.integers(10, 80), st.integers(0, 10_000))
def test_auroc_with_ties_equals_scikit_learn(rows: int, seed: int) -> None:
    logits, labels = made(rows, 2, seed)
    coarse = np.round(logits)
    if len(set(labels)) < 2:
        assert scores.auroc(coarse, labels) is None
    else:
        assert scores.auroc(coarse, labels) == pytest.approx(roc_auc_score(labels, coarse[:, 1] - coarse[:, 0]))


def test_auroc_is_for_two_classes() -> None:
    assert scores.auroc(*made(30, 3, 0)) is None


@given(shapes)
def test_ece_equals_a_plain_loop(shape: tuple[int, int, int]) -> None:
    logits, labels = made(*shape)
    odds = scores.probabilities(logits)
    total = 0.0
    for k in range(15):
        members = [
            (row.max(), float(row.argmax() == label))
            for row, label in zip(odds, labels, strict=True)
            if k / 15 < row.max() <= (k + 1) / 15
        ]
        if members:
            total += abs(sum(c for c, _ in members) - sum(a for _, a in members))
    assert scores.ece(logits, labels) == pytest.approx(total / len(labels), abs=1e-9)


@given(shapes)
def test_reliability_counts_every_row_once(shape: tuple[int, int, int]) -> None:
    logits, labels = made(*shape)
    bins = scores.reliability(logits, labels)
    assert len(bins) == 15
    assert sum(one.count for one in bins) == len(labels)
    assert sum(one.count * one.accuracy for one in bins) == pytest.approx(len(labels) * scores.accuracy(logits, labels))


def test_a_model_whose_confidence_is_right_has_no_calibration_error() -> None:
    logits = np.log(np.tile([[0.8, 0.2]], (1000, 1))).astype(np.float32)
    labels = np.array([0] * 800 + [1] * 200)
    assert scores.ece(logits, labels) == pytest.approx(0, abs=1e-6)
    assert scores.fit_temperature(logits, labels) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0, 8.0])
def test_the_temperature_is_the_one_a_general_optimizer_finds(sharpness: float) -> None:
    logits, labels = made(2000, 5, 1, sharpness)
    best = minimize_scalar(lambda t: scores.nll(logits, labels, t), bounds=(0.05, 20), method="bounded").x
    assert scores.fit_temperature(logits, labels) == pytest.approx(best, rel=0.01)


@given(st.integers(20, 200), st.integers(2, 6), st.floats(0.2, 5), st.integers(0, 1000))
def test_the_temperature_follows_the_scale_of_the_logits(rows: int, classes: int, factor: float, seed: int) -> None:
    logits, labels = made(rows, classes, seed)
    plain, scaled = (
        scores.fit_temperature(values, labels) for values in (logits, (factor * logits).astype(np.float32))
    )
    if 0.1 < plain < 3 and 0.06 < factor * plain < 19:
        assert scaled == pytest.approx(factor * plain, rel=1e-3)


def test_no_mistake_on_validation_does_not_ask_for_infinite_confidence() -> None:
    labels = np.arange(200) % 4
    logits = (4 * np.eye(4)[labels]).astype(np.float32)
    temperature = scores.fit_temperature(logits, labels)
    assert temperature > 0.2
    assert scores.probabilities(logits, temperature).max() < 0.9999


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_row_that_is_not_finite_is_wrong_and_without_confidence(value: float) -> None:
    logits, labels = made(50, 3, 0)
    labels[:] = logits.argmax(axis=1)
    logits[7] = value
    assert scores.accuracy(logits, labels) == pytest.approx(49 / 50)
    assert scores.probabilities(logits)[7].sum() == 0
    assert all(
        math.isfinite(figure(logits, labels))
        for figure in (scores.nll, scores.brier, scores.ece, scores.balanced_accuracy, scores.fit_temperature)
    )


def test_constant_logits_leave_the_temperature_alone() -> None:
    assert scores.fit_temperature(np.zeros((9, 3), np.float32), np.arange(9) % 3) == 1


def test_score_fits_on_validation_and_reports_on_test() -> None:
    validation, test = made(500, 4, 1, 6.0), made(300, 4, 2, 6.0)
    found = scores.score({"validation": validation[0], "test": test[0]}, {"validation": validation[1], "test": test[1]})
    assert found.temperature == scores.fit_temperature(*validation)
    assert found.accuracy == scores.accuracy(*test)
    assert found.ece_scaled == scores.ece(*test, found.temperature) < found.ece
    assert found.nll_scaled < found.nll


def test_recall_counts_the_own_key_among_the_most_alike() -> None:
    draw = np.random.default_rng(0)
    keys = draw.normal(size=(50, 6))
    queries = 3 * keys + draw.normal(size=keys.shape)
    alike = cosine_similarity(queries, keys)
    for k in (1, 5, 50):
        best = np.argsort(-alike, axis=1)[:, :k]
        assert scores.recall_at(queries, keys, k) == np.mean([row in best[row] for row in range(50)])


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 10_000))
def test_recall_of_several_wanted_keys_looks_for_any_of_them(rows: int, k: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    queries, keys = draw.normal(size=(2, rows, 5))
    wanted = draw.random((rows, rows)) < 0.3
    alike = cosine_similarity(queries, keys)
    hits = [bool(wanted[row, np.argsort(-alike[row])[:k]].any()) for row in range(rows)]
    assert scores.recall_at(queries, keys, k, wanted) == pytest.approx(np.mean(hits))


def test_keys_that_are_all_alike_and_nan_find_nothing() -> None:
    assert scores.recall_at(np.ones((10, 3)), np.ones((10, 3)), 5) == 0.0
    assert scores.recall_at(np.zeros((10, 3)), np.eye(10, 3), 5) == 0.0
    assert scores.recall_at(np.full((4, 3), np.nan), np.eye(4, 3), 1) == 0.0
