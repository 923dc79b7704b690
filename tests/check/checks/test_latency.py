"""Latency percentiles against budgets."""

from __future__ import annotations

import pytest
from synthetic import NOON, artifacts, blocks, changed, evidence, hardware, with_artifact

from l0gm_edge.check.checks.latency import check
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.verdict import Status, Verdict

ONE = "compressed-onnxruntime-fp32"


def p90(made_up: Evidence) -> Verdict:
    """The verdict on one artifact's p90."""
    return next(verdict for verdict in check(made_up) if (verdict.check, verdict.artifact) == ("latency_p90", ONE))


@pytest.mark.parametrize(("ms", "status"), [(0.4, Status.PASS), (2.5, Status.INCONCLUSIVE), (9.0, Status.FAIL)])
def test_the_whole_interval_decides(ms: float, status: Status) -> None:
    verdict = p90(with_artifact(ONE, blocks=blocks(ms / 1.0128)))
    assert verdict.status is status
    assert verdict.interval is not None
    assert verdict.interval[0] <= (verdict.value or 0) <= verdict.interval[1]
    assert verdict.value == pytest.approx(ms, rel=0.02)


@pytest.mark.parametrize("kept", [0, 6])
def test_what_was_not_measured_often_enough_is_inconclusive(kept: int) -> None:
    verdict = p90(with_artifact(ONE, blocks=blocks(0.1)[:kept]))
    assert (verdict.status, verdict.value) == (Status.INCONCLUSIVE, None)


def test_only_budgets_that_are_set_are_judged() -> None:
    assert check(evidence(hardware=hardware())) == ()
    assert {verdict.check for verdict in check(evidence(hardware=hardware(p50_ms=1)))} == {"latency_p50"}


def test_dense_and_floor_are_not_candidates() -> None:
    assert all((verdict.artifact or "").startswith("compressed") for verdict in check(evidence()))


@pytest.mark.parametrize(
    ("profile", "before", "after", "told"),
    [
        ({}, {"governor": "performance"}, {"governor": "powersave"}, "changed from performance to powersave"),
        ({"power_mode": "MAXN"}, {"power_mode": "15W"}, {"power_mode": "15W"}, "asks for MAXN"),
        ({"max_temperature_c": 80.0}, {"temperature_c": 60.0}, {"temperature_c": 91.0}, "91 °C"),
    ],
)
def test_an_unsteady_machine_settles_nothing(
    profile: dict[str, object], before: dict[str, object], after: dict[str, object], told: str
) -> None:
    first, last = (NOON.model_copy(update=changes) for changes in (before, after))
    every = changed(artifacts(), ONE, conditions_before=first, conditions_after=last)
    verdict = p90(evidence(measured=every, hardware=hardware(p90_ms=5).model_copy(update=profile)))
    assert verdict.status is Status.INCONCLUSIVE
    assert told in verdict.reason
