"""Min-max, moving average and percentile, each against an independent reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from calibrators import RUNS, observed
from hypothesis import given
from hypothesis import strategies as st
from torch.ao.quantization.observer import MovingAverageMinMaxObserver

from l0gm_edge.core.recipe import Quantize


@given(RUNS)
def test_min_max_leaves_out_nothing(values: np.ndarray) -> None:
    assert observed(values, Quantize(ranges="min_max")) == (values.min(), values.max())


@given(RUNS, st.floats(50.1, 100))
def test_percentile_agrees_with_sorting_everything(values: np.ndarray, percentile: float) -> None:
    low, high = observed(values, Quantize(percentile=percentile))
    ordered = np.sort(values, axis=None)
    left_out = int(np.floor((1 - percentile / 100) * values.size))
    assert (low, high) == (ordered[left_out], ordered[-1 - left_out])


@given(RUNS, st.floats(0.001, 1))
def test_moving_average_agrees_with_torch(values: np.ndarray, averaging: float) -> None:
    observer = MovingAverageMinMaxObserver(averaging_constant=averaging)
    for row in values:
        observer(torch.from_numpy(row))
    found = observed(values, Quantize(ranges="moving_average", averaging=averaging))
    scale = float(np.abs(values).max()) + 1e-30  # torch computes in float32
    expected = (float(observer.min_val), float(observer.max_val))
    assert found == (pytest.approx(expected[0], abs=1e-5 * scale), pytest.approx(expected[1], abs=1e-5 * scale))
