"""The chart of a comparison."""

from __future__ import annotations

from itertools import pairwise

import pytest
from sessions import contender, session

from l0gm_edge.check.regression import verdicts
from l0gm_edge.core.comparison import Pair, Session
from l0gm_edge.core.hardware import Regression
from l0gm_edge.report.ratios import LEFT, RIGHT, Estimated, chart, drawn


def pair(*sessions: Session) -> Pair:
    old, new = contender("old"), contender("new")
    return Pair(baseline=old, candidate=new, sessions=sessions, verdicts=verdicts(old, new, sessions, Regression()))


def test_processes_sessions_all_and_controls_have_their_rows() -> None:
    found = chart(pair(session(0, ratio=1.2), session(1, ratio=1.2, disturbed=("the power mode changed",))))
    assert found is not None
    kinds = [row.kind for row in found.rows]
    assert [kinds.count(kind) for kind in ("process", "session", "disturbed", "all", "control")] == [20, 1, 1, 1, 2]
    assert all(LEFT <= row.low <= row.at <= row.high <= RIGHT for row in found.rows)
    assert all(before.y < after.y for before, after in pairwise(found.rows))
    overall = next(row for row in found.rows if row.kind == "all")
    assert found.limit is not None
    assert found.no_change < found.limit < overall.low
    assert "in all: 1." in found.description


def test_what_was_disturbed_does_not_count() -> None:
    found = chart(pair(session(disturbed=("it was hot",))))
    assert found is not None
    assert {row.kind for row in found.rows} == {"process", "disturbed"}


@pytest.mark.parametrize("value", [0.2, 1.0, 30.0])
def test_no_change_is_always_in_sight(value: float) -> None:
    found = drawn([Estimated("all", "board", value, 0.9 * value, 1.1 * value)], None)
    assert LEFT < found.no_change < RIGHT
    assert found.limit is None
