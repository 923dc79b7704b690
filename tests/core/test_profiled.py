"""Shares of operator times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.profiled import shares


@given(st.lists(st.integers(1, 10**9), min_size=1))
def test_shares_sum_to_one_and_keep_the_order(times: list[int]) -> None:
    found = shares([LayerTime(name=str(index), op="op", mean_ns=ns) for index, ns in enumerate(times)])
    assert sum(found) == pytest.approx(1)
    assert [share * sum(times) for share in found] == pytest.approx(times)
