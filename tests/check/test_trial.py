"""Files that are only tried: held to the recipe's and the profile's limits on validation, or to the model's answers."""

from __future__ import annotations

import numpy as np
import pytest

from l0gm_edge.check.trial import lost_by_agreement, lost_on_validation
from l0gm_edge.core.hardware import Budgets
from l0gm_edge.core.recipe import Checks

ROWS, CLASSES = 1000, 4
DRAW = np.random.default_rng(0)
LABELS = DRAW.integers(0, CLASSES, ROWS)
DENSE = (3 * np.eye(CLASSES)[LABELS] + DRAW.normal(size=(ROWS, CLASSES))).astype(np.float32)


def wrong(share: float) -> np.ndarray:
    """The dense model's answers, with this share of the rows turned around."""
    found = DENSE.copy()
    right = np.flatnonzero(DENSE.argmax(1) == LABELS)[: round(share * ROWS)]
    found[right] = -found[right]
    return found


@pytest.mark.parametrize(("allowed", "budget", "keeps"), [(2.0, None, True), (1.0, None, False), (2.0, 1.0, False)])
def test_the_tighter_limit_on_accuracy_holds(allowed: float, budget: float | None, keeps: bool) -> None:
    checks = Checks(max_accuracy_drop_points=allowed, max_ece_increase=1)
    lost = lost_on_validation(wrong(0.015), DENSE, LABELS, checks, Budgets(max_accuracy_drop_points=budget))
    assert (lost is None) == keeps
    assert keeps or lost == "it loses 1.50 points on validation, 1 are allowed"


def test_confidence_is_held_to_the_limit_after_its_temperature() -> None:
    found = DENSE.copy()
    found[::2] *= 20  # half of the answers are far too sure, and one temperature cannot mend both halves
    loose, tight = (Checks(max_accuracy_drop_points=100, max_ece_increase=most) for most in (1.0, 0.01))
    assert lost_on_validation(found, DENSE, LABELS, loose, Budgets()) is None
    assert "ECE on validation" in (lost_on_validation(found, DENSE, LABELS, tight, Budgets()) or "")
    assert "ECE on validation" in (lost_on_validation(found, DENSE, LABELS, loose, Budgets(max_ece=0.01)) or "")
    assert lost_on_validation(DENSE / 4, DENSE, LABELS, tight, Budgets()) is None, "a temperature mends it"


def test_without_labels_answers_must_agree_and_outputs_stay_above_the_noise() -> None:
    assert lost_by_agreement(DENSE, DENSE, 30) is None
    noisy = (DENSE + 0.05 * DRAW.normal(size=DENSE.shape)).astype(np.float32)
    found = 10 * np.log10(np.square(DENSE).sum() / np.square(noisy - DENSE).sum())
    assert lost_by_agreement(noisy, DENSE, found - 0.1) is None
    assert f"{found:.1f} dB above the noise" in (lost_by_agreement(noisy, DENSE, found + 0.1) or "")
    assert "95% must" in (lost_by_agreement(wrong(0.06), DENSE, 1) or "")
