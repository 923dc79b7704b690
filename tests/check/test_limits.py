"""Figures against limits."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.check.limits import finite, interval_status, tighter, value_status
from l0gm_edge.core.latency import Estimate
from l0gm_edge.core.verdict import Status

figures = st.floats(0, 1e6)


@given(figures, figures, figures)
def test_an_interval_passes_or_fails_only_as_a_whole(one: float, other: float, limit: float) -> None:
    low, high = sorted((one, other))
    status = interval_status(Estimate(low, low, high), limit)
    assert (status is Status.PASS) == (high <= limit)
    assert (status is Status.FAIL) == (low > limit)


def test_nan_is_within_no_limit() -> None:
    assert value_status(math.nan, math.inf) is Status.FAIL
    assert finite(math.nan) is None
    assert finite(-math.inf) is None
    assert finite(1.5) == 1.5


@given(figures, st.none() | figures)
def test_the_tighter_limit_is_one_of_the_two(recipe: float, profile: float | None) -> None:
    found = tighter(recipe, profile)
    assert found in {recipe, profile}
    assert found <= recipe
    assert profile is None or found <= profile
