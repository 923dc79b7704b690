"""Latencies as charts."""

from __future__ import annotations

from itertools import pairwise

import profiles
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.measurement import Block
from l0gm_edge.report.distribution import BOTTOM, LABEL_WIDTH, LEFT, RIGHT, TOP, WIDTH, course, histogram

RUNS = st.lists(st.integers(1, 10**12), min_size=1, max_size=80)


@given(RUNS)
def test_every_run_is_in_a_column_or_counted_as_slower(runs: list[int]) -> None:
    found = histogram([Block(process=0, round=0, latencies_ns=tuple(runs))])
    assert found is not None
    shown = sum(int(column.title.partition(" ")[0]) for column in found.columns)
    assert shown + int(found.slower.partition(" ")[0] or 0) == len(runs)
    for column in found.columns:
        assert column.left >= LEFT - 0.1
        assert column.left + column.width <= RIGHT + 0.1
        assert TOP <= column.top <= BOTTOM


def test_a_few_stragglers_do_not_press_the_others_together() -> None:
    runs = [1_000_000 + 1000 * (at % 50) for at in range(990)] + [80_000_000] * 10
    found = histogram([Block(process=0, round=0, latencies_ns=tuple(runs))], [(50, 1.02), (99, 80.0)])
    assert found is not None
    assert len(found.columns) > 5
    assert [mark.text for mark in found.marks] == ["p50"]
    assert found.slower.startswith("10 slower runs, up to 80.0")


def test_labels_of_near_percentiles_do_not_cover_each_other() -> None:
    found = histogram(profiles.blocks(), [(50, 2.02), (90, 2.021), (99, 2.0211)])
    assert found is not None
    places = [mark.label_x for mark in found.marks]
    assert all(after - before >= LABEL_WIDTH for before, after in pairwise(places))
    assert places[-1] + LABEL_WIDTH <= WIDTH


def test_nothing_timed_is_nothing_to_show() -> None:
    assert histogram([]) is None
    assert course(profiles.blocks(processes=1, rounds=1)) is None


def test_a_line_is_a_process() -> None:
    found = course(profiles.blocks(processes=3, rounds=5))
    assert found is not None
    assert [len(line) for line in found.lines] == [5, 5, 5]
    assert found.lines[0][-1][0] < found.lines[1][0][0]
