"""MNIST's idx files, read from small samples in the original format."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.core.errors import DataError
from l0gm_edge.data import _mnist as mnist

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([7, 2], np.uint8)
IMAGES_IDX = b"\x00\x00\x08\x03" + b"\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04" + IMAGES.tobytes()
LABELS_IDX = b"\x00\x00\x08\x01" + b"\x00\x00\x00\x02" + LABELS.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, (file, _) in mnist.FILES.items():
        (tmp_path / file).write_bytes(gzip.compress(IMAGES_IDX if name.startswith("x") else LABELS_IDX))
    return tmp_path


def test_images_and_labels_are_read(folder: Path) -> None:
    arrays = mnist.arrays(folder)
    assert sorted(arrays) == ["x_test", "x_train", "y_test", "y_train"]
    assert all(values.dtype == np.uint8 for values in arrays.values())
    assert np.array_equal(arrays["x_train"], IMAGES)
    assert np.array_equal(arrays["y_test"], LABELS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        IMAGES_IDX,
        gzip.compress(IMAGES_IDX)[:-9],
        gzip.compress(b""),
        gzip.compress(IMAGES_IDX[:7]),
        gzip.compress(IMAGES_IDX[:-1]),
        gzip.compress(IMAGES_IDX + b"\x00"),
        gzip.compress(IMAGES_IDX.replace(b"\x08\x03", b"\x0d\x03", 1)),
    ],
    ids=["empty", "not packed", "torn", "nothing inside", "half a header", "too short", "too long", "floats"],
)
def test_another_file_is_refused(folder: Path, content: bytes) -> None:
    file = mnist.FILES["x_train"][0]
    (folder / file).write_bytes(content)
    with pytest.raises(DataError, match="not a gzipped idx file") as caught:
        mnist.arrays(folder)
    assert caught.value.where == str(folder / file)


def test_a_missing_file_is_told(folder: Path) -> None:
    (folder / mnist.FILES["y_test"][0]).unlink()
    with pytest.raises(DataError, match="No such file"):
        mnist.arrays(folder)
