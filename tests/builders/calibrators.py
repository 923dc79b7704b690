"""Runs of one tensor, drawn and watched."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from l0gm_edge.core.recipe import Quantize
from l0gm_edge.ranges import Range, observe

FLOATS = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
RUNS = hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 40)), elements=FLOATS)
"""Values of a tensor: a row a run."""


def observed(values: np.ndarray, settings: Quantize) -> Range:
    """The range of the tensor whose runs are the rows of `values`."""
    return observe(({"x": row} for row in values), len(values), settings)["x"]
