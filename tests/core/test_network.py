"""Networks as a recipe says them: experts in smaller pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.network import MoE


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 8))
def test_finer_experts_are_as_many_hidden_units_in_all_and_for_a_row(
    experts: int, granularity: int, width: int
) -> None:
    coarse = MoE(experts=experts, top_k=1, hidden=width * granularity)
    fine = coarse.finer(granularity)
    assert fine.experts * fine.hidden == coarse.experts * coarse.hidden
    assert fine.top_k * fine.hidden == coarse.top_k * coarse.hidden
    assert fine.experts == granularity * experts
    assert coarse.finer(1) == coarse


def test_a_width_that_cannot_be_divided_so_is_refused() -> None:
    with pytest.raises(ValueError, match=r"granularity \(3\) must divide hidden \(64\)"):
        MoE(hidden=64).finer(3)
