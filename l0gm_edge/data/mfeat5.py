"""Handwritten numerals seen in five ways: five modalities of unequal worth.

2 000 numerals of Dutch utility maps, 200 a digit; of each, five tables of features: `factors` (216 profile
correlations), `karhunen` (64 Karhunen-Loève coefficients), `morphological` (6), `pixel` (240 averages of 2 x 3 pixels,
16 rows of 15), `zernike` (47 moments). Every column is standardised with the mean and deviation of the training rows.
The sixth view of the original, Fourier coefficients, is not part of this set.

There is no official split: 40 numerals a digit are test; validation and calibration are fixed, stratified parts of the
rest. Logistic regression reaches .73 (morphological), .84 (zernike), .93 (karhunen), .95 (pixel), .97 (factors) and .97
with all five.

Source: R. P. W. Duin, Multiple Features, UCI Machine Learning Repository, 1998, CC BY 4.0, in the files of
github.com/datasets/openml-datasets.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import Dataset, Labels, Normalization, Split
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original
from l0gm_edge.data._prepared import Arrays, PreparedFile, read_arrays, write_arrays
from l0gm_edge.data._splits import stratified

SUMMARY = "handwritten numerals as five tables of features; 10 classes, 2 000 rows"
SOURCE = "https://raw.githubusercontent.com/datasets/openml-datasets/33fdb1a80bb44d92180fba7af46ef0622d54e52b/data"
VIEWS: dict[str, type[np.generic]] = {
    "factors": np.uint16,
    "karhunen": np.float32,
    "morphological": np.float32,
    "pixel": np.uint8,
    "zernike": np.float32,
}
# `prepare` checks what they hold.
ORIGINALS = tuple(
    Original(url=f"{SOURCE}/mfeat-{view}/mfeat-{view}.arff", file=f"mfeat-{view}.arff", sha256=None) for view in VIEWS
)
NUMERALS = PreparedFile(
    dataset="mfeat5",
    file="mfeat5.npz",
    sha256="9bd4056f0d4b7073cf82bc47ad3716b8c51ad82ae9eb2571ec0f6acd34cd4e36",
)
PREPARED = (NUMERALS.file,)

CLASSES = tuple("0123456789")
SEED = 1998
TEST_ROWS_A_CLASS = 40
SIZES = {"train": 1_300, "validation": 200, "calibration": 100}


def prepare(originals: Path, prepared: Path) -> None:
    """Turn the five original tables into one .npz.

    Raises DataError when an original is not such a table, IntegrityError when its content is another.
    """
    write_arrays(NUMERALS, prepared, arrays(originals))


def load(folder: Path) -> Dataset:
    """The modalities of VIEWS, each (columns,).

    Raises DataError when the file is missing, IntegrityError when it is damaged.
    """
    held = read_arrays(NUMERALS, folder)
    labels = held["label"].astype(np.int64)
    known, test = np.flatnonzero(held["is_test"] == 0), np.flatnonzero(held["is_test"])
    parts = stratified(labels[known], list(SIZES.values()), SEED)
    rows = {name: known[part] for name, part in zip(SIZES, parts, strict=True)}
    inputs, made = {}, {}
    for view in VIEWS:
        table = held[view].astype(np.float64)
        centre, spread = table[rows["train"]].mean(axis=0), table[rows["train"]].std(axis=0)
        spread = np.where(spread > 0, spread, 1)
        inputs[view] = ((table - centre) / spread).astype(np.float32)
        made[view] = Normalization(mean=tuple(centre.tolist()), std=tuple(spread.tolist()))
    everything = Split(inputs, labels)
    splits = {name: everything.take(part) for name, part in rows.items()}
    return Dataset(
        "mfeat5",
        {view: inputs[view].shape[1:] for view in VIEWS},
        CLASSES,
        **splits,
        test=everything.take(test),
        normalization=made,
    )


def arrays(originals: Path) -> Arrays:
    """The views, `label` and `is_test`, in order of digit. Raises DataError for a file that is no such table."""
    tables = {view: _table(originals / f"mfeat-{view}.arff") for view in VIEWS}
    numbers = tables["factors"][:, -1].astype(np.int64)  # 1 to 10; class k is digit k - 1
    if any(not np.array_equal(table[:, -1], numbers) for table in tables.values()):
        raise DataError("the tables are not of the same numerals", where=str(originals))
    order = np.argsort(numbers, kind="stable")
    views = {view: tables[view][order, :-1].astype(kind) for view, kind in VIEWS.items()}
    labels = (numbers[order] - 1).astype(np.uint8)
    return {**views, "label": labels, "is_test": held_out(labels.astype(np.int64))}


def held_out(labels: Labels) -> NDArray[np.uint8]:
    """Marks TEST_ROWS_A_CLASS rows of each class for test."""
    drawn = np.random.default_rng(0)
    marks = np.zeros(len(labels), np.uint8)
    for label in (9, *range(9)):  # the tenth class came first when the rows were drawn
        marks[drawn.permutation(np.flatnonzero(labels == label))[-TEST_ROWS_A_CLASS:]] = 1
    return marks


def _table(original: Path) -> NDArray[np.float64]:
    """The numbers of an .arff file, the class last."""
    try:
        lines = original.read_text(encoding="latin1").splitlines()
        start = [line.strip().lower() for line in lines].index("@data") + 1
        rows = [line for line in lines[start:] if line.strip() and not line.startswith("%")]
        if not rows:
            raise ValueError("no row after @data")
        return np.loadtxt(rows, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(f"not a table of mfeat: {error}", where=str(original)) from error
