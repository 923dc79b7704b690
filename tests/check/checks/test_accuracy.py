"""Accuracy on the device against the dense model's."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import DENSE, LABELS, artifacts, changed, evidence, hardware, recipe

from l0gm_edge.check.checks.accuracy import check
from l0gm_edge.core.verdict import Status, Verdict

ONE = "compressed-onnxruntime-fp32"


def with_lost(rows: int, **limits: object) -> Verdict:
    """The verdict when the device has `rows` of 400 wrong that the dense model has right."""
    test = DENSE["test"].copy()
    right = np.flatnonzero(test.argmax(axis=1) == LABELS["test"])[:rows]
    test[right] = -test[right]
    every = changed(artifacts(), ONE, outputs=DENSE | {"test": test})
    made_up = evidence(measured=every, recipe=recipe(max_accuracy_drop_points=1.0), hardware=hardware(**limits))
    return next(verdict for verdict in check(made_up) if verdict.artifact == ONE)


@pytest.mark.parametrize(("rows", "status"), [(0, Status.PASS), (4, Status.PASS), (5, Status.FAIL)])
def test_the_drop_is_counted_in_points(rows: int, status: Status) -> None:
    verdict = with_lost(rows)
    assert verdict.value == pytest.approx(100 * rows / 400)
    assert verdict.status is status


def test_the_tighter_limit_holds() -> None:
    assert with_lost(3, max_accuracy_drop_points=0.5).status is Status.FAIL
    assert with_lost(3, max_accuracy_drop_points=5.0).limit == 1.0


def test_the_interval_is_that_of_paired_differences() -> None:
    verdict = with_lost(4)
    lost = 100 * np.repeat([1.0, 0.0], [4, 396])
    means = np.random.default_rng(0).choice(lost, size=(4000, 400)).mean(axis=1)
    assert verdict.interval is not None
    assert verdict.interval == pytest.approx(tuple(1 + 1.96 * means.std() * np.array([-1, 1])), abs=0.1)


def test_better_than_dense_is_a_negative_drop() -> None:
    perfect = {split: np.eye(4, dtype=np.float32)[labels] for split, labels in LABELS.items()}
    verdict = next(v for v in check(evidence(measured=changed(artifacts(), ONE, outputs=perfect))) if v.artifact == ONE)
    assert verdict.status is Status.PASS
    assert verdict.value is not None
    assert verdict.value < 0
