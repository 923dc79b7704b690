"""Fixed splits: the same rows on every machine and with every numpy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import Labels
from l0gm_edge.core.errors import DataError

Rows = NDArray[np.int64]


def shuffled(count: int, seed: int) -> Rows:
    """A permutation of 0..count-1.

    Made from the generator's raw stream, the only one that numpy promises never to change (NEP 19).
    """
    keys = np.atleast_1d(np.random.PCG64(seed).random_raw(count))
    return np.argsort(keys, kind="stable").astype(np.int64)


def stratified(labels: Labels, sizes: Sequence[int], seed: int) -> tuple[Rows, ...]:
    """Disjoint sets of rows of exactly these sizes; every set, and every long prefix of one, keeps the class shares.

    `labels` is (n,). Raises DataError when the sizes ask for more rows than there are.
    """
    if sum(sizes) > len(labels):
        raise DataError(f"splits of {sum(sizes)} rows were asked of {len(labels)}", where="fixed splits")
    rows = shuffled(len(labels), seed)
    place = np.empty(len(labels))
    for label in np.unique(labels):
        own = rows[labels[rows] == label]
        place[own] = (np.arange(len(own)) + 0.5) / len(own)  # a class's rows, spread evenly from 0 to 1
    order = rows[np.argsort(place[rows], kind="stable")]
    ends = list(itertools.accumulate(sizes))
    return tuple(order[end - size : end] for size, end in zip(sizes, ends, strict=True))
