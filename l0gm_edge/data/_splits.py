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
    _refuse_more_than(len(labels), sizes)
    rows = shuffled(len(labels), seed)
    place = np.empty(len(labels))
    for label in np.unique(labels):
        own = rows[labels[rows] == label]
        place[own] = (np.arange(len(own)) + 0.5) / len(own)  # a class's rows, spread evenly from 0 to 1
    order = rows[np.argsort(place[rows], kind="stable")]
    return _cut(order, sizes)


def grouped(groups: Rows, sizes: Sequence[int], seed: int) -> tuple[Rows, ...]:
    """Disjoint sets of rows of exactly these sizes; the rows of a group stay together, but where a set ends.

    `groups` (n,) numbers each row's group from 0. Raises DataError when the sizes ask for more rows than there are.
    """
    _refuse_more_than(len(groups), sizes)
    place = np.argsort(shuffled(int(groups.max()) + 1, seed))
    return _cut(np.argsort(place[groups], kind="stable"), sizes)


def _cut(order: Rows, sizes: Sequence[int]) -> tuple[Rows, ...]:
    ends = list(itertools.accumulate(sizes))
    return tuple(order[end - size : end] for size, end in zip(sizes, ends, strict=True))


def _refuse_more_than(count: int, sizes: Sequence[int]) -> None:
    if sum(sizes) > count:
        raise DataError(f"splits of {sum(sizes)} rows were asked of {count}", where="fixed splits")
