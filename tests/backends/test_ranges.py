from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from l0gm_edge.backends._ranges import observe
from l0gm_edge.core.errors import DataError
from l0gm_edge.core.recipe import Quantize, RangeMethod

RUNS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 40)),
    elements=st.floats(-1e6, 1e6, width=32),
)
MIN_MAX = Quantize(ranges=RangeMethod.MIN_MAX)


def observed(values: np.ndarray, settings: Quantize) -> tuple[float, float]:
    return observe(({"x": row} for row in values), len(values), settings)["x"]


@given(RUNS)
def test_min_max_leaves_out_nothing(values: np.ndarray) -> None:
    assert observed(values, MIN_MAX) == (values.min(), values.max())


@given(RUNS, st.floats(50.1, 100))
def test_percentile_agrees_with_sorting_everything(values: np.ndarray, percentile: float) -> None:
    low, high = observed(values, Quantize(percentile=percentile))
    ordered = np.sort(values, axis=None)
    left_out = int(np.floor((1 - percentile / 100) * values.size))
    assert (low, high) == (ordered[left_out], ordered[-1 - left_out])


@given(RUNS)
def test_the_order_of_runs_does_not_matter(values: np.ndarray) -> None:
    settings = Quantize(percentile=90)
    assert observed(values, settings) == observed(values[::-1], settings)


def test_an_outlier_is_left_out_by_percentile_only() -> None:
    values = np.ones((100, 200), np.float32)
    values[3, 7] = 1e6
    assert observed(values, Quantize(percentile=99.99)) == (1, 1)
    assert observed(values, MIN_MAX) == (1, 1e6)


def test_no_run_is_an_empty_calibration_set() -> None:
    with pytest.raises(DataError, match="empty"):
        observe((), 0, MIN_MAX)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_named(bad: float) -> None:
    with pytest.raises(DataError, match="tensor x"):
        observed(np.array([[0, bad, 1]], np.float32), MIN_MAX)
