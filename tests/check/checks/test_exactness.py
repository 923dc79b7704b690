"""Exactness of the cut."""

from __future__ import annotations

import math

import pytest
from synthetic import evidence

from l0gm_edge.check.checks.exactness import check
from l0gm_edge.core.plan import Exactness
from l0gm_edge.core.verdict import Status


@pytest.mark.parametrize(
    ("random_inputs", "real_inputs", "samples", "status"),
    [
        (1e-7, 9e-6, 64, Status.PASS),
        (1e-7, 2e-5, 64, Status.FAIL),
        (2e-5, 1e-7, 64, Status.FAIL),
        (math.nan, 1e-7, 64, Status.FAIL),
        (1e-7, math.nan, 64, Status.FAIL),
        (0.0, 0.0, 0, Status.INCONCLUSIVE),
    ],
)
def test_the_larger_difference_decides(random_inputs: float, real_inputs: float, samples: int, status: Status) -> None:
    found = Exactness(random_inputs=random_inputs, real_inputs=real_inputs, samples=samples, tolerance=1e-5)
    (verdict,) = check(evidence(exactness=found))
    assert verdict.artifact is None
    assert verdict.status is status


def test_a_lax_tolerance_does_not_widen_the_limit() -> None:
    found = Exactness(random_inputs=1e-3, real_inputs=1e-3, samples=9, tolerance=1.0)
    assert check(evidence(exactness=found))[0].status is Status.FAIL
