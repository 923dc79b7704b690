"""Raw data again: what a normalization did, undone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import Dataset


def raw(dataset: Dataset, name: str) -> NDArray[np.float64]:
    """Training rows of an input, before they were made (raw - mean) / std."""
    known, values = dataset.normalization[name], dataset.train.inputs[name].astype(np.float64)
    along = (1, -1, *[1] * (values.ndim - 2))
    return values * np.reshape(known.std, along) + np.reshape(known.mean, along)
