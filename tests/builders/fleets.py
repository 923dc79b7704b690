"""Made-up fleets: what became of one model, or of one comparison, on each of some devices."""

from __future__ import annotations

from typing import Any

import profiles
from sessions import contender, session

from l0gm_edge.check.regression import verdicts
from l0gm_edge.core.comparison import Comparison, Pair
from l0gm_edge.core.fleet import Fleet, Member
from l0gm_edge.core.hardware import Regression
from l0gm_edge.core.verdict import Status, Verdict

SLOW = Verdict(check="latency_p50", artifact="net.tflite", status=Status.FAIL, reason="p50 is over its limit")


def member(hardware: str, **changes: Any) -> Member:
    """A device, on which nothing was measured unless the test says so."""
    plain = {"hardware": hardware, "title": hardware, "subject": "net.tflite", "exit_status": 0}
    return Member.model_validate(plain | changes)


def of_profiles() -> Fleet:
    """One that passed, one that failed a budget and was known, one that could not be reached."""
    return Fleet(
        subject="runs/net",
        members=(
            member("fast", profile=profiles.profile(ms=1.0, hardware="fast")),
            member("slow", exit_status=1, reused=True, profile=profiles.profile(ms=4.0), verdicts=(SLOW,)),
            member("gone", exit_status=4, said="the device cannot be reached"),
        ),
    )


def of_comparisons() -> Fleet:
    """Two that were compared, one of them slower, and one that was not."""
    return Fleet(
        subject="new against old",
        members=(
            _compared("one", 1.0),
            _compared("two", 1.5),
            member("gone", subject="new.onnx", exit_status=4, said="it is in use"),
        ),
    )


def _compared(hardware: str, ratio: float) -> Member:
    old, new, sessions = contender("old"), contender("new"), (session(ratio=ratio),)
    pair = Pair(baseline=old, candidate=new, sessions=sessions, verdicts=verdicts(old, new, sessions, Regression()))
    found = Comparison(hardware=hardware, baseline="old", candidate="new", pairs=(pair,))
    status = 1 if found.status is Status.FAIL else 0
    return member(hardware, subject="new.onnx", exit_status=status, comparison=found, verdicts=pair.verdicts)
