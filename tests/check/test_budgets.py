"""A profile of a model against a device's budgets."""

from __future__ import annotations

import profiles
from synthetic import hardware

from l0gm_edge.check.budgets import budgets
from l0gm_edge.core.verdict import Status


def judged(**limits: float) -> dict[str, Status]:
    quiet = profiles.profile(ms=2.0, before=profiles.state(), after=profiles.state(), warnings=())
    return {one.check: one.status for one in budgets(quiet, hardware(**limits))}


def test_each_budget_has_its_verdict() -> None:
    assert judged(p50_ms=3, p90_ms=1, file_mb=1, peak_memory_mb=60) == {
        "latency_p50": Status.PASS,
        "latency_p90": Status.FAIL,
        "file_size": Status.FAIL,
        "peak_memory": Status.PASS,
    }


def test_without_budgets_there_is_nothing_to_judge() -> None:
    assert judged() == {}
