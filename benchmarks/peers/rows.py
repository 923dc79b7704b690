"""Calibration rows for the programs of this folder, which run on their own, in environments that may be old."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np


def one_by_one(calibration: Path) -> Iterator[dict[str, np.ndarray]]:
    """Each row of an .npz by input name, with a batch axis of 1."""
    with np.load(calibration) as held:
        sets = {name: held[name] for name in held.files}
    for row in range(len(next(iter(sets.values())))):
        yield {name: values[row : row + 1] for name, values in sets.items()}
