"""Rows fit the model they are for, or the file is refused by name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.errors import DataError
from l0gm_edge.pipeline import given_rows

INPUTS = (
    TensorSpec(name="image", shape=(1, 2, 3), dtype="float32"),
    TensorSpec(name="ids", shape=(1, 4), dtype="int64"),
)
SOUND = {"image": np.ones((5, 2, 3), np.float32), "ids": np.arange(20).reshape(5, 4) % 9}
FUZZ = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(path: Path, **arrays: Any) -> Path:
    np.savez(path / "rows.npz", **arrays)
    return path / "rows.npz"


def test_random_rows_have_the_inputs_shapes_and_ids_of_the_table() -> None:
    rows = given_rows.drawn(INPUTS, {"ids": 9}, 200)
    assert {name: (values.shape, str(values.dtype)) for name, values in rows.items()} == {
        "image": ((200, 2, 3), "float32"),
        "ids": ((200, 4), "int64"),
    }
    assert set(np.unique(rows["ids"])) == set(range(9))
    assert set(np.unique(given_rows.drawn(INPUTS, {}, 200)["ids"])) == {0, 1}
    assert abs(float(rows["image"].std()) - 1) < 0.2


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_sound_file_is_read_in_the_types_that_models_take(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "rows.npz", image=SOUND["image"].astype(np.float64), ids=SOUND["ids"].astype(np.int32))
    rows = given_rows.read(tmp_path / "rows.npz", INPUTS, {"ids": 9})
    assert {name: str(values.dtype) for name, values in rows.items()} == {"image": "float32", "ids": "int64"}
    np.testing.assert_array_equal(rows["ids"], SOUND["ids"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"picture": SOUND["image"]}, "does not fit the model: found"),
        ({"image": np.ones((5, 3, 2), np.float32)}, "image (n, 3, 2) float32"),
        ({"image": np.ones((4, 2, 3), np.float32)}, "'image': 4"),
        ({"image": np.ones((5, 2, 3), np.int64)}, "image (n, 2, 3) int64"),
        ({"image": np.full((5, 2, 3), np.nan, np.float32)}, "'image' holds values that are not finite"),
        ({"image": np.array("text")}, "'image' is <U4"),
        ({"ids": np.full((5, 4), 9)}, "ids of 'ids' go from 9 to 9"),
        ({"ids": np.full((5, 4), -1)}, "ids of 'ids' go from -1 to -1"),
        ({"ids": np.array([[object()]])}, "is not in it"),
        ({"image": np.ones((0, 2, 3), np.float32), "ids": np.ones((0, 4), np.int64)}, "0}"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        given_rows.read(written(tmp_path, **{**SOUND, **change}), INPUTS, {"ids": 9})
    assert words in str(caught.value)


def test_an_array_that_claims_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**6)}
    np.lib.format.write_array_header_1_0(buffer, header)
    path = tmp_path / "rows.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("image.npy", buffer.getvalue())
    with pytest.raises(DataError, match="is not in it"):
        given_rows.read(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given_rows, "MOST_BYTES", 1000)
    path = tmp_path / "rows.npz"
    np.savez_compressed(path, image=np.zeros((100, 100)))
    with pytest.raises(DataError, match="absurdly large"):
        given_rows.read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such calibration file"):
        given_rows.read(tmp_path / "absent.npz")


@FUZZ
@given(place=st.floats(0, 0.9999), value=st.integers(0, 255), cut=st.floats(0, 1))
def test_spoilt_files_are_refused_or_read(tmp_path: Path, place: float, value: int, cut: float) -> None:
    path = written(tmp_path, **SOUND)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= value
    path.write_bytes(content[: max(1, int(len(content) * cut * 2))])
    try:
        rows = given_rows.read(path, INPUTS, {"ids": 9})
    except DataError:
        return
    np.testing.assert_array_equal(rows["image"], SOUND["image"])
