"""Adult, the census-income table: does a person earn more than 50 000 dollars a year? One modality, `table`.

Every column that tells of the person is used. `fnlwgt` is not: it is a survey weight, the number of people that a row
stands for, and standard practice leaves it out; no row is dropped. What each column becomes is learnt from the training
rows alone, and lies in 0..1, which suits quantization:

- a number becomes up to BINS columns by piecewise-linear encoding (Gorishniy et al. 2022, arXiv:2203.05556): column b
  rises from 0 to 1 while the number goes from edge b to edge b + 1;
- a category becomes one column per value seen in training; '?' (missing) is a value like any other, a value not seen
  in training is all zeros.

A network with two hidden layers (128, 64) reaches test accuracy 86.4 % and AUROC 91.8 %.

Test is the official test file. Validation and calibration are fixed, stratified parts of the train file.
Source: Becker and Kohavi, UCI Machine Learning Repository, 1996, CC BY 4.0.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l0gm_edge.core.dataset import Array, Dataset, Labels, Split
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original
from l0gm_edge.data._prepared import PreparedFile, read_text, write_text
from l0gm_edge.data._splits import Rows, stratified

SUMMARY = "census income, a table of numbers and categories; 2 classes, 48 842 rows"
SOURCE = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult"
ORIGINALS = (
    Original(
        url=f"{SOURCE}/adult.data",
        file="adult.data",
        sha256="5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    ),
    Original(
        url=f"{SOURCE}/adult.test",
        file="adult.test",
        sha256="a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    ),
)
TRAIN = PreparedFile(
    dataset="adult",
    file="adult_train.csv.gz",
    sha256="3b8a6abd697a6623ef2ccbffc3e2802e167e7fdaa853003d3bd557b0ce7f5d2a",
)
TEST = PreparedFile(
    dataset="adult",
    file="adult_test.csv.gz",
    sha256="eb6e9f02496bed4137b1a069b8af64b90eb534ba46143948667034dddef9abd9",
)
PREPARED = (TRAIN.file, TEST.file)

COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship"),
    *("race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"),
)
NUMBERS = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")
UNUSED = ("fnlwgt",)
LABEL = "income"
CATEGORIES = tuple(name for name in COLUMNS if name not in (*NUMBERS, *UNUSED, LABEL))
CLASSES = ("<=50K", ">50K")

SEED = 1996
VALIDATION_ROWS = 5_000
CALIBRATION_ROWS = 1_000
BINS = 24

Table = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Encoding:
    """What training rows taught: the edges of each number's bins, ascending, and the values of each category."""

    edges: Mapping[str, Array]
    values: Mapping[str, tuple[str, ...]]


def prepare(originals: Path, prepared: Path) -> None:
    """Turn UCI's adult.data and adult.test into two gzipped CSV files with a header.

    Raises DataError when an original is not such a table, IntegrityError when its content is another.
    """
    write_text(TRAIN, prepared, tidy(originals / "adult.data"))
    write_text(TEST, prepared, tidy(originals / "adult.test"))


def load(folder: Path) -> Dataset:
    """Modality `table` (columns of the encoding,); classes are CLASSES.

    Raises DataError when a file is missing, IntegrityError when it is damaged.
    """
    train_file, test_file = _parse(read_text(TRAIN, folder)), _parse(read_text(TEST, folder))
    labels = _labels(train_file)
    calibration, validation, train = stratified(
        labels, [CALIBRATION_ROWS, VALIDATION_ROWS, len(labels) - CALIBRATION_ROWS - VALIDATION_ROWS], SEED
    )
    encoding = learn_encoding(_take(train_file, train))
    everything = Split({"table": encode(train_file, encoding)}, labels)
    return Dataset(
        "adult",
        {"table": everything.inputs["table"].shape[1:]},
        CLASSES,
        train=everything.take(train),
        validation=everything.take(validation),
        calibration=everything.take(calibration),
        test=Split({"table": encode(test_file, encoding)}, _labels(test_file)),
    )


def tidy(original: Path) -> str:
    """UCI's text as CSV: a header, no blanks after commas, no comment or empty lines, no full stop after test labels.

    Raises DataError, with the line, for a row that has other than 15 columns or an unknown label.
    """
    try:
        text = original.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(original)) from error
    lines = [",".join(COLUMNS)]
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("|"):
            continue
        cells = line.removesuffix(".").split(", ")
        if len(cells) != len(COLUMNS) or cells[-1] not in CLASSES:
            raise DataError(
                f"not a row of Adult: {line[:80]!r}",
                where=f"{original}:{number}",
                allowed=f"{len(COLUMNS)} columns, the last one of {', '.join(CLASSES)}",
            )
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def learn_encoding(table: Table) -> Encoding:
    """The encoding of a training table."""
    return Encoding(
        edges={name: _edges(_numbers(table[name])) for name in NUMBERS},
        values={name: tuple(sorted(set(table[name]))) for name in CATEGORIES},
    )


def encode(table: Table, encoding: Encoding) -> Array:
    """The rows of a table in 0..1: numbers first, then categories, in order of COLUMNS; (n, columns)."""
    numbers = [_piecewise_linear(_numbers(table[name]), edges) for name, edges in encoding.edges.items()]
    categories = [_one_hot(table[name], values) for name, values in encoding.values.items()]
    return np.concatenate([*numbers, *categories], axis=1)


def _edges(numbers: Array) -> Array:
    """The smallest number and quantiles of those above it: a column that is nearly always zero is divided as well."""
    smallest = numbers.min()
    above = numbers[numbers > smallest]
    quantiles = np.quantile(above, np.linspace(0, 1, BINS)) if len(above) else above
    return np.unique(np.concatenate([[smallest], quantiles]).astype(np.float32))


def _piecewise_linear(numbers: Array, edges: Array) -> Array:
    return np.asarray(np.clip((numbers[:, None] - edges[:-1]) / np.diff(edges), 0, 1), np.float32)


def _one_hot(cells: Sequence[str], values: tuple[str, ...]) -> Array:
    return np.asarray(np.asarray(cells)[:, None] == np.asarray(values), np.float32)


def _parse(text: str) -> Table:
    rows = csv.reader(io.StringIO(text, newline=""))
    header = next(rows)
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def _take(table: Table, rows: Rows) -> Table:
    return {name: [cells[row] for row in rows] for name, cells in table.items()}


def _numbers(cells: Iterable[str]) -> Array:
    return np.fromiter((float(cell) for cell in cells), np.float32)


def _labels(table: Table) -> Labels:
    return np.fromiter((CLASSES.index(cell) for cell in table[LABEL]), np.int64)
