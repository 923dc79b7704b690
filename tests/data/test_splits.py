"""Fixed splits: permutations, sizes, class shares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.errors import DataError
from l0gm_edge.data._splits import grouped, shuffled, stratified

Sets = tuple[np.ndarray, ...]
LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=300).map(lambda labels: np.array(labels, np.int64))
SEEDS = st.integers(0, 2**32)


def disjoint_and_of_sizes(split: Callable[..., Sets], keys: np.ndarray, sizes: list[int], seed: int) -> Sets | None:
    """The sets, seen to be disjoint and of these sizes; none where more rows are asked for than there are, which is
    seen to be refused."""
    if sum(sizes) > len(keys):
        with pytest.raises(DataError, match="rows were asked"):
            split(keys, sizes, seed)
        return None
    sets = split(keys, sizes, seed)
    assert [len(rows) for rows in sets] == sizes
    rows = np.concatenate(sets)
    assert len(np.unique(rows)) == len(rows)
    return sets


@given(st.integers(1, 300), SEEDS)
def test_shuffled_is_a_permutation_and_repeats(count: int, seed: int) -> None:
    rows = shuffled(count, seed)
    assert np.array_equal(np.sort(rows), np.arange(count))
    assert np.array_equal(rows, shuffled(count, seed))


def test_shuffled_is_the_same_on_every_machine() -> None:
    assert shuffled(8, 0).tolist() == [3, 2, 1, 6, 0, 7, 4, 5]
    assert not np.array_equal(shuffled(50, 0), shuffled(50, 1))


@given(LABELS, st.lists(st.integers(0, 100), min_size=1, max_size=4), SEEDS)
def test_stratified_gives_disjoint_sets_of_the_sizes_asked_for(labels, sizes, seed) -> None:
    disjoint_and_of_sizes(stratified, labels, sizes, seed)


@given(LABELS, st.integers(0, 300), SEEDS)
def test_stratified_keeps_the_class_shares(labels, size, seed) -> None:
    (rows,) = stratified(labels, [min(size, len(labels))], seed)
    classes = len(np.unique(labels))
    for label in np.unique(labels):
        share = np.mean(labels == label)
        # a run of rows spans one stretch of places, within one row of every class
        assert abs(np.sum(labels[rows] == label) - share * len(rows)) <= 1 + share * classes


@given(st.integers(1, 20), st.integers(1, 9), st.lists(st.integers(0, 20), min_size=1, max_size=4), SEEDS)
def test_grouped_keeps_the_rows_of_a_group_together(count, rows_each, sizes, seed) -> None:
    groups = np.arange(count * rows_each) % count
    sets = disjoint_and_of_sizes(grouped, groups, sizes, seed)
    if sets is None:
        return
    cut = sum(len(set(groups[one])) for one in sets) - len(set(groups[np.concatenate(sets)]))
    assert cut <= len(sizes) - 1  # a group is shared by two sets at most where one ends
