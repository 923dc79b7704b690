from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.dataset import Split
from l0gm_edge.core.errors import DataError
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.quantize.calibration_set import calibration_set


def split(rows: int) -> Split:
    numbers = np.arange(rows, dtype=np.float32)
    return Split({"a": numbers[:, None], "b": -numbers[:, None, None]}, np.zeros(rows, np.int64))


@given(st.integers(1, 300), st.integers(1, 300))
def test_rows_are_distinct_spread_and_aligned(rows: int, size: int) -> None:
    taken = calibration_set(split(rows), Quantize(calibration_size=size))
    chosen = taken["a"][:, 0]
    assert len(chosen) == min(rows, size)
    assert (np.diff(chosen) > 0).all()
    assert chosen[0] == 0
    assert size == 1 or chosen[-1] == rows - 1
    np.testing.assert_array_equal(taken["b"][:, 0, 0], -chosen)


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        calibration_set(split(0), Quantize())
