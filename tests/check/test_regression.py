"""The regression gate's verdicts on made-up sessions."""

from __future__ import annotations

from typing import Any

import pytest
from sessions import contender, session

from l0gm_edge.check.regression import settled, verdicts
from l0gm_edge.core.comparison import Scores, Session
from l0gm_edge.core.hardware import Regression
from l0gm_edge.core.verdict import Status, Verdict

PASS, FAIL, OPEN = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def found(*sessions: Session, **limits: float) -> dict[str, Verdict]:
    every = verdicts(contender("old"), contender("new"), sessions or (session(),), Regression(**limits))
    assert {one.artifact for one in every} == {"new"}
    return {one.check: one for one in every}


def test_a_model_against_itself_passes_everything() -> None:
    every = found()
    assert list(every) == ["control", "latency", "load_time", "peak_memory", "file_size"]
    assert {one.status for one in every.values()} == {PASS}


def test_false_alarms_are_rare_and_a_slower_model_is_caught() -> None:
    """What one session says of 30 pairs: no alarm over the same model, and hardly a miss of one 5 % slower."""
    calm = [found(session(seed))["latency"].status for seed in range(30)]
    slow = [found(session(seed, ratio=1.05))["latency"].status for seed in range(30)]
    assert calm.count(FAIL) == 0
    assert slow.count(PASS) == 0
    assert slow.count(FAIL) >= 27


@pytest.mark.parametrize(
    ("changes", "check", "status"),
    [
        ({"ratio": 1.2}, "latency", FAIL),
        ({"ratio": 0.8}, "latency", PASS),
        ({"ratio": 1.02}, "latency", PASS),
        ({"load_ms": 8.0}, "load_time", FAIL),
        ({"load_ms": 2.0}, "load_time", PASS),
        ({"peak": 60_000_000}, "peak_memory", FAIL),
        ({"peak": 52_000_000}, "peak_memory", PASS),
    ],
)
def test_figures_against_their_limits(changes: dict[str, Any], check: str, status: Status) -> None:
    every = found(session(**changes))
    assert every[check].status is status
    assert {one.status for name, one in every.items() if name != check} == {PASS}


def test_limits_are_the_profile_s() -> None:
    assert found(session(ratio=1.2), max_latency_ratio=1.3)["latency"].status is PASS
    assert found(session(load_ms=8.0), max_load_ratio=2)["load_time"].status is PASS


def test_above_the_limit_with_an_interval_that_holds_one_is_inconclusive() -> None:
    unsteady = session(2, ratio=1.05, placement=0.15)
    verdict = found(unsteady, max_latency_ratio=1.0)["latency"]
    assert verdict.interval is not None
    assert verdict.interval[0] <= 1
    assert verdict.status is OPEN


def test_nothing_timed_counts_while_a_side_differs_from_itself() -> None:
    for ratio in (1.0, 1.5):
        every = found(session(ratio=ratio, second=1.05))
        assert every["control"].status is OPEN
        assert every["latency"].status is OPEN
        assert not settled(tuple(every.values()))


def test_a_disturbed_session_is_left_out_and_one_alone_says_nothing() -> None:
    spoilt = session(ratio=3.0, disturbed=("the power mode changed from MAXN to 15W while models were timed",))
    every = found(spoilt)
    assert {every[name].status for name in ("control", "latency", "load_time", "peak_memory")} == {OPEN}
    assert "power mode" in every["control"].reason
    assert found(spoilt, session(1))["latency"].status is PASS


def test_sessions_add_up() -> None:
    one, more = (found(*(session(seed) for seed in range(count)))["latency"].interval for count in (1, 3))
    assert one is not None
    assert more is not None
    assert more[1] - more[0] < one[1] - one[0]


def test_a_larger_file_fails() -> None:
    for size, status in ((1020, PASS), (1021, FAIL), (10, PASS)):
        every = verdicts(contender("old"), contender("new", size=size), [session()], Regression())
        assert next(one for one in every if one.check == "file_size").status is status


@pytest.mark.parametrize(
    ("accuracy", "ece", "statuses"),
    [
        (0.90, 0.02, (PASS, PASS)),
        (0.894, 0.02, (FAIL, PASS)),
        (0.95, 0.0301, (PASS, FAIL)),
        (0.896, 0.03, (PASS, PASS)),
    ],
)
def test_accuracy_and_confidence(accuracy: float, ece: float, statuses: tuple[Status, Status]) -> None:
    old = contender("old", scores=Scores(data="digits", accuracy=0.9, ece=0.02))
    new = contender("new", scores=Scores(data="digits", accuracy=accuracy, ece=ece))
    every = {one.check: one for one in verdicts(old, new, [session()], Regression())}
    assert (every["accuracy"].status, every["confidence"].status) == statuses


@pytest.mark.parametrize("scores", [None, Scores(data="adult", accuracy=1.0, ece=0.0)])
def test_scores_of_one_side_alone_or_of_other_data_are_inconclusive(scores: Scores | None) -> None:
    old = contender("old", scores=Scores(data="digits", accuracy=0.9, ece=0.02))
    every = {one.check: one for one in verdicts(old, contender("new", scores=scores), [session()], Regression())}
    assert (every["accuracy"].status, every["confidence"].status) == (OPEN, OPEN)
    assert ("adult" in every["accuracy"].reason) == (scores is not None)
