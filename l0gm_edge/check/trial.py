"""Whether a file that is only tried keeps to the limits: on validation where there are labels, else by agreement."""

from __future__ import annotations

import numpy as np

from l0gm_edge.check.checks.parity import MIN_AGREEMENT, distance
from l0gm_edge.check.limits import tighter
from l0gm_edge.core import scores
from l0gm_edge.core.evidence import Logits
from l0gm_edge.core.hardware import Budgets
from l0gm_edge.core.recipe import Checks

ROUNDING = 1e-9


def lost_on_validation(
    found: Logits, dense: Logits, labels: scores.Labels, checks: Checks, budgets: Budgets
) -> str | None:
    """Which limit of recipe or profile the answers (n, classes) to validation miss, in words, or None.

    The limits are those of the checks `accuracy_drop` and `ece`, which look at test.
    """
    drop = 100 * (scores.accuracy(dense, labels) - scores.accuracy(found, labels))
    allowed_drop = tighter(checks.max_accuracy_drop_points, budgets.max_accuracy_drop_points)
    if drop > allowed_drop + ROUNDING:
        return f"it loses {drop:.2f} points on validation, {allowed_drop:.3g} are allowed"
    off, dense_off = _ece(found, labels), _ece(dense, labels)
    allowed = tighter(dense_off + checks.max_ece_increase, budgets.max_ece)
    if off > allowed:
        return f"its ECE on validation is {off:.4f}, {allowed:.4f} is allowed"
    return None


def lost_by_agreement(found: Logits, reference: Logits, least_db: float) -> str | None:
    """Why answers (n, classes) are too far from the model's, in words, or None: for where there are no labels."""
    agreement = distance(found, reference).agreement
    if agreement < MIN_AGREEMENT:
        return f"{agreement:.1%} of its answers agree, {MIN_AGREEMENT:.0%} must"
    lost = float(np.square(found.astype(np.float64) - reference).sum())
    power = float(np.square(reference.astype(np.float64)).sum())
    if lost > power * 10 ** (-least_db / 10):
        return f"its outputs stand {10 * np.log10(power / lost):.1f} dB above the noise, {least_db:g} are asked for"
    return None


def _ece(logits: Logits, labels: scores.Labels) -> float:
    return scores.ece(logits, labels, scores.fit_temperature(logits, labels))
