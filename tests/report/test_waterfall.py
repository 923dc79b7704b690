"""Operators one after the other."""

from __future__ import annotations

import profiles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.profiled import OperatorTimes
from l0gm_edge.report.waterfall import MOST_ROWS, kinds, steps

TIMES = st.lists(st.tuples(st.integers(1, 10**9), st.sampled_from(("ADD", "MUL", "FLOOR_MOD"))), max_size=150)


@given(TIMES)
def test_each_begins_where_the_one_before_ended_and_all_are_told(times: list[tuple[int, str]]) -> None:
    layers = tuple(LayerTime(name=f"n{at}", op=op, mean_ns=ns) for at, (ns, op) in enumerate(times))
    found = steps(OperatorTimes(layers=layers, fallback_ops=("FLOOR_MOD",)))
    begins = 0.0
    for one in found:
        assert one.start == pytest.approx(begins, abs=1e-9)
        begins += one.share
    assert begins == pytest.approx(1 if times else 0)
    assert sum(one.fell_back for one in found) == sum(op == "FLOOR_MOD" for _, op in times)


def test_small_neighbours_of_a_large_model_share_a_row() -> None:
    big = [LayerTime(name=f"big{at}", op="CONV", mean_ns=10_000) for at in range(2)]
    small = [LayerTime(name=f"s{at}", op="ADD" if at % 2 else "MUL", mean_ns=1) for at in range(MOST_ROWS)]
    found = steps(OperatorTimes(layers=(big[0], *small, big[1])))
    assert [one.op for one in found] == ["CONV", f"{MOST_ROWS} small ones", "CONV"]
    assert found[1].name == "MUL, ADD"


def test_kinds_stand_by_what_they_take() -> None:
    found = kinds(profiles.operators(9), most=2)
    assert [(one.op, one.count, one.fell_back) for one in found] == [("CONV_2D", 4, False), ("ADD", 4, False)]
    assert kinds(OperatorTimes(), most=3) == ()
