"""Which rows ranges are estimated from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core import arrays
from l0gm_edge.core.dataset import Labels, Split
from l0gm_edge.core.errors import DataError
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.core.value import Value


class CalibrationSet(Value):
    """What a calibration set holds: rows of each class, and the digest of its inputs as an .npz."""

    rows: dict[str, int]
    sha256: str


def calibration_set(split: Split, settings: Quantize) -> Split:
    """At most `calibration_size` rows of the calibration split: every class by its share, evenly spaced, in order.

    Raises DataError when the split is empty.
    """
    if len(split) == 0:
        raise DataError("the calibration set is empty", where="calibration split", allowed="at least one row")
    return split.take(_stratified(split.labels, min(settings.calibration_size, len(split))))


def described(drawn: Split, classes: Sequence[str]) -> CalibrationSet:
    """The record of a calibration set; `classes` name its labels."""
    counts = np.bincount(drawn.labels, minlength=len(classes))
    return CalibrationSet(
        rows={name: int(count) for name, count in zip(classes, counts, strict=True)}, sha256=arrays.sha256(drawn.inputs)
    )


def _stratified(labels: Labels, size: int) -> NDArray[np.int64]:
    """`size` distinct rows, sorted; a class gets its share of them, rounded to the next whole number up or down."""
    classes, counts = np.unique(labels, return_counts=True)
    wanted = size * counts / len(labels)
    taken = np.floor(wanted).astype(np.int64)
    rounded_up = np.argsort(taken - wanted, kind="stable")[: size - taken.sum()]  # the largest remainders
    taken[rounded_up] += 1
    chosen = [
        np.flatnonzero(labels == label)[np.linspace(0, count - 1, number).round().astype(np.int64)]
        for label, count, number in zip(classes, counts, taken, strict=True)
    ]
    return np.sort(np.concatenate(chosen))
