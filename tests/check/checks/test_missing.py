"""Accuracy with a modality missing."""

from __future__ import annotations

import pytest
from synthetic import evidence, recipe, subsets

from l0gm_edge.check.checks.missing import check
from l0gm_edge.core.verdict import Status


@pytest.mark.parametrize(("sound", "status"), [(0.78, Status.PASS), (0.779, Status.FAIL)])
def test_the_worst_missing_modality_counts(sound: float, status: Status) -> None:
    (verdict,) = check(evidence(subsets=subsets(0.85, sound), recipe=recipe(max_missing_drop_points=2.0)))
    assert verdict.status is status
    assert verdict.artifact is None
    assert verdict.reason.startswith("without image, ")


def test_nothing_is_said_without_a_limit_or_of_a_single_modality() -> None:
    assert check(evidence(subsets=subsets(0.0, 0.0))) == ()
    assert check(evidence(recipe=recipe(max_missing_drop_points=2.0))) == ()
