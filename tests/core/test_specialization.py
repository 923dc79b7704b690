"""The specialization score, against what is known of it."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.specialization import specialization

ROWS = st.lists(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), min_size=2, max_size=5)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6), st.integers(2, 5))
def test_modalities_that_spend_alike_score_0(share: list[float], modalities: int) -> None:
    assert specialization([share] * modalities) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("share", [[(1, 0), (0, 1)], [(0.5, 0.5, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]])
def test_experts_of_one_modality_each_score_1(share: list[tuple[float, ...]]) -> None:
    assert specialization(share) == pytest.approx(1)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_of_two_modalities_it_is_the_mean_of_1_less_the_binary_entropy(one: float, other: float) -> None:
    def h2(p: float) -> float:
        return -p * log2(p) - (1 - p) * log2(1 - p)

    first, second = one / (one + other), (1 - one) / (2 - one - other)
    expected = 1 - (h2(first) + h2(second)) / 2
    assert specialization([(one, 1 - one), (other, 1 - other)]) == pytest.approx(expected, abs=1e-9)


@given(ROWS, st.integers(0, 4))
def test_it_is_between_0_and_1_and_experts_that_nobody_uses_do_not_count(rows: list[list[float]], place: int) -> None:
    found = specialization(rows)
    assert -1e-9 <= found <= 1 + 1e-9
    assert specialization([[*row[:place], 0.0, *row[place:]] for row in rows]) == pytest.approx(found)


def test_it_takes_two_modalities_and_an_expert_in_use() -> None:
    assert specialization([(0.3, 0.7)]) is None
    assert specialization([]) is None
    assert specialization([(0.0,), (0.0,)]) is None
