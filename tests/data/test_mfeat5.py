"""mfeat5: the original tables on a small sample, and the whole set where it is prepared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from undone import raw

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import mfeat5
from l0gm_edge.data._prepared import read_arrays


def as_arff(views: np.ndarray, labels: np.ndarray) -> str:
    """An original: a comment, a header, then rows that end with the class, 1 to 10."""
    head = "% Multi-feature digits\n@relation mfeat\n\n@attribute 'att1' REAL\n@data\n"
    rows = (",".join(f"{value:.8f}" for value in row) for row in views.tolist())
    return head + "".join(f"{row},{label + 1}\n" for row, label in zip(rows, labels, strict=True))


def write(folder: Path, views: dict[str, np.ndarray], labels: np.ndarray) -> Path:
    for view, table in views.items():
        (folder / f"mfeat-{view}.arff").write_text(as_arff(table, labels), encoding="utf-8")
    return folder


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """Five tables of three columns, 50 numerals a digit, in no order."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 50))
    return write(tmp_path, {view: np.stack([labels, labels + 10, labels * 3], 1) for view in mfeat5.VIEWS}, labels)


def test_the_originals_are_joined_in_order_of_digit(originals: Path) -> None:
    made = mfeat5.arrays(originals)
    assert np.array_equal(made["label"], np.repeat(np.arange(10), 50))
    for view, kind in mfeat5.VIEWS.items():
        assert made[view].dtype == kind
        assert np.array_equal(made[view][:, 2], 3 * made["label"].astype(int))
    assert np.bincount(made["label"][made["is_test"] == 1]).tolist() == [40] * 10


@pytest.mark.parametrize("content", ["<html>", "@data\n", "@data\n1,2\n1\n", "@data\n1,two,1\n"])
def test_another_file_is_refused(originals: Path, content: str) -> None:
    (originals / "mfeat-pixel.arff").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="not a table of mfeat") as caught:
        mfeat5.arrays(originals)
    assert caught.value.where == str(originals / "mfeat-pixel.arff")


def test_tables_of_other_numerals_are_refused(originals: Path) -> None:
    path = originals / "mfeat-pixel.arff"
    path.write_text(path.read_text(encoding="utf-8") + "0,0,0,1\n", encoding="utf-8")
    with pytest.raises(DataError, match="not of the same numerals"):
        mfeat5.arrays(originals)


@pytest.mark.data
def test_prepare_makes_the_prepared_form_from_the_originals(prepared_folder, tmp_path: Path) -> None:
    held = read_arrays(mfeat5.NUMERALS, prepared_folder("mfeat5"))
    write(tmp_path, {view: held[view] for view in mfeat5.VIEWS}, held["label"].astype(int))
    mfeat5.prepare(tmp_path, tmp_path / "prepared")
    made = read_arrays(mfeat5.NUMERALS, tmp_path / "prepared")
    assert all(np.array_equal(made[name], values) for name, values in held.items())


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    loaded = mfeat5.load(prepared_folder("mfeat5"))
    for name, size in (mfeat5.SIZES | {"test": 400}).items():
        assert np.bincount(getattr(loaded, name).labels).tolist() == [size // 10] * 10
    assert set(SPLITS) == {*mfeat5.SIZES, "test"}
    assert loaded.shapes == {
        "factors": (216,),
        "karhunen": (64,),
        "morphological": (6,),
        "pixel": (240,),
        "zernike": (47,),
    }
    for values in loaded.train.inputs.values():
        assert values.mean(axis=0, dtype=np.float64) == pytest.approx(0, abs=1e-4)
    assert loaded.sha256 == "9c2382b48758015819ca5e68620a1d937b8e4897a14254636c33b12cf5a15b0c"
    whole = raw(loaded, "pixel")
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-3)
    assert (np.rint(whole.min()), np.rint(whole.max())) == (0, 6)
