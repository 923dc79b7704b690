from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from l0gm_edge.core import arrays
from l0gm_edge.core.dataset import Split
from l0gm_edge.core.errors import DataError
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.core.store import file_sha256
from l0gm_edge.quantize.calibration_set import calibration_set, described


def split(labels: np.ndarray) -> Split:
    numbers = np.arange(len(labels), dtype=np.float32)
    return Split({"a": numbers[:, None], "b": -numbers[:, None, None]}, labels)


@given(st.integers(1, 300), st.integers(1, 300))
def test_rows_of_one_class_are_distinct_spread_and_aligned(rows: int, size: int) -> None:
    taken = calibration_set(split(np.zeros(rows, np.int64)), Quantize(calibration_size=size)).inputs
    chosen = taken["a"][:, 0]
    assert len(chosen) == min(rows, size)
    assert (np.diff(chosen) > 0).all()
    assert chosen[0] == 0
    assert size == 1 or chosen[-1] == rows - 1
    np.testing.assert_array_equal(taken["b"][:, 0, 0], -chosen)


@given(hnp.arrays(np.int64, st.integers(1, 300), elements=st.integers(0, 6)), st.integers(1, 300))
def test_every_class_has_its_share(labels: np.ndarray, size: int) -> None:
    whole = split(labels)
    taken = calibration_set(whole, Quantize(calibration_size=size))
    assert len(taken) == min(size, len(labels))
    rows = taken.inputs["a"][:, 0].astype(int)
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(taken.labels, labels[rows])
    fair = len(taken) * np.bincount(labels, minlength=7) / len(labels)
    assert (np.abs(np.bincount(taken.labels, minlength=7) - fair) < 1).all()


@given(st.permutations([0] * 3 + [1] * 5 + [2] * 9))
def test_the_order_of_the_split_does_not_change_the_shares(labels: list[int]) -> None:
    taken = calibration_set(split(np.array(labels)), Quantize(calibration_size=10))
    assert np.bincount(taken.labels).tolist() == [2, 3, 5]


def test_the_record_tells_classes_and_the_digest_of_the_file(tmp_path: Path) -> None:
    drawn = calibration_set(split(np.array([0, 0, 2])), Quantize())
    found = described(drawn, ("cat", "dog", "owl"))
    assert found.rows == {"cat": 2, "dog": 0, "owl": 1}
    arrays.write(tmp_path / "calibration.npz", drawn.inputs)
    assert found.sha256 == file_sha256(tmp_path / "calibration.npz")


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        calibration_set(split(np.zeros(0, np.int64)), Quantize())
