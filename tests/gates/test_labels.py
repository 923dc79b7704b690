"""Labels: ties and freezing against a union-find written the slow way."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.gates.labels import Labels

COUNT = 12
pairs = st.lists(st.tuples(st.integers(0, COUNT), st.integers(0, COUNT)), max_size=8)


@given(st.lists(pairs, max_size=5))
def test_ties_are_those_of_a_plain_union_find(merges: list[list[tuple[int, int]]]) -> None:
    labels, groups = Labels(), [{label} for label in range(COUNT + 1)]
    labels.new(COUNT)
    for batch in merges:
        if batch:
            one, other = torch.tensor(batch).T
            labels.merge(one, other)
        for first, second in batch:
            joint = groups[first] | groups[second]
            for label in joint:
                groups[label] = joint
    roots = labels.roots(torch.arange(COUNT + 1)).tolist()
    assert roots == [min(group) for group in groups]


def test_the_first_reason_for_freezing_stays() -> None:
    labels = Labels()
    first = labels.new(4)
    labels.merge(first[0], first[1])
    labels.freeze(first[1], "early")
    labels.merge(first[2], first[3])
    labels.context = "late"
    labels.merge(first[1:3], first[2:])
    assert [labels.reason(int(label)) for label in first] == ["early", "early", "late", "late"]
    assert not labels.roots(first).any()


def test_repeated_labels_are_stored_once() -> None:
    labels = Labels()
    units = labels.new(3)
    settled = labels.settled(units.repeat(4, 1))
    assert settled.stride() == (0, 1)
    assert not labels.varies(settled, 0)
    assert labels.varies(settled, 1)
    labels.merge(units, units[:1])
    assert not labels.varies(settled, 1)


def test_a_unit_that_meets_a_layers_unit_is_loose_no_more() -> None:
    labels = Labels()
    given_, bare = labels.new(2), labels.new(2, loose=True)
    labels.merge(given_[0], bare[0])
    assert labels.loose(bare).tolist() == [False, True]
    assert not labels.are_loose(bare)
