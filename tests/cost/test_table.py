"""What a table keeps, and the figures that follow from it."""

from __future__ import annotations

from pathlib import Path

import costs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core import store
from l0gm_edge.cost.table import Accuracy, Table, packed, tail, unpacked


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_open_units_come_back_as_they_were(units: list[bool]) -> None:
    kept = torch.tensor(units)
    assert torch.equal(unpacked(packed(kept), len(units)), kept)


def test_a_table_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    table = costs.table(costs.subject(), 8)
    store.write_value(tmp_path / "table.json", table)
    assert store.read_value(Table, tmp_path / "table.json") == table


def test_figures_are_medians_of_what_was_timed() -> None:
    table = costs.table(costs.subject(), 8)
    assert table.dense_ms == pytest.approx(costs.DENSE_MS)
    assert table.fixed_ms == pytest.approx(costs.DENSE_MS * costs.FIXED / 2)
    assert table.p90_over_p50 == pytest.approx(1.2)
    assert table.control == (1.0, 1.0)


def test_a_busy_minute_does_not_count() -> None:
    quiet = ((10,) * 9 + (11,) * 2,)
    assert tail((*quiet, *quiet, (10, 50, 90))) == pytest.approx(1.1)


def test_points_begin_with_the_dense_model_and_split_what_is_held_out() -> None:
    table = costs.table(costs.subject(), 8)
    every, known, unseen = (table.points(held_out=held) for held in (None, False, True))
    assert [len(kept) for kept, _ in (every, known, unseen)] == [9, 7, 2]
    assert bool(every[0][0].all())
    assert every[1][0] == known[1][0] == 1.0
    assert known[1][1:] + unseen[1] == every[1][1:]


def test_two_keys_differ_when_anything_does() -> None:
    key = costs.key("onnxruntime")
    others = [key.model_copy(update={"threads": 2}), key.model_copy(update={"machine": {"processor": "other"}})]
    assert len({one.sha256 for one in (key, *others)}) == 3


def test_accuracy_in_figures() -> None:
    found = Accuracy.of([0.01, 0.02, 0.03, 0.2])
    assert (found.rows, found.median) == (4, pytest.approx(0.025))
    assert 0.03 < found.p90 <= 0.2
