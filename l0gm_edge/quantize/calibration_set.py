"""Which rows ranges are estimated from."""

from __future__ import annotations

import numpy as np

from l0gm_edge.backends import Samples
from l0gm_edge.core.dataset import Split
from l0gm_edge.core.errors import DataError
from l0gm_edge.core.recipe import Quantize


def calibration_set(split: Split, settings: Quantize) -> Samples:
    """At most `calibration_size` rows of the calibration split, evenly spaced, by input name, (n, *shape).

    Raises DataError when the split is empty.
    """
    if len(split) == 0:
        raise DataError("the calibration set is empty", where="calibration split", allowed="at least one row")
    count = min(settings.calibration_size, len(split))
    return split.take(np.linspace(0, len(split) - 1, count).round().astype(np.int64)).inputs
