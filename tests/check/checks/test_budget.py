"""The target in milliseconds against what was measured in the end."""

from __future__ import annotations

from typing import Literal

import pytest
from synthetic import artifacts, blocks, changed, evidence, plan, sized

from l0gm_edge.check.checks.budget import check
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.recipe import Target
from l0gm_edge.core.verdict import Status, Verdict

ONE = "compressed-onnxruntime-fp32"


def asked(target: Target, requested_ms: float, ms: float, percentile: Literal[50, 90] = 50) -> Evidence:
    """A run with one runtime sized for what was asked, whose file takes `ms`."""
    goal = plan(target=target, units_requested=None, latency=(sized(requested_ms, percentile),))
    return evidence(plan=goal, measured=changed(artifacts(), ONE, blocks=blocks(ms)))


def verdict(found: Evidence) -> Verdict:
    return next(one for one in check(found) if one.artifact == ONE)


@pytest.mark.parametrize(
    ("ms", "status"), [(0.3, Status.PASS), (1.0, Status.PASS), (1.03, Status.PASS), (1.1, Status.FAIL)]
)
def test_a_twentieth_more_than_asked_for_still_counts(ms: float, status: Status) -> None:
    found = verdict(asked(Target(p50_ms=1.0), 1.0, ms))
    assert found.status is status
    assert found.value == pytest.approx(ms, rel=0.01)
    assert found.limit == pytest.approx(1.05)
    assert "1 ms asked for" in found.reason


def test_a_percentile_is_held_against_the_same_percentile() -> None:
    p90_of_one = 1.0128  # what the synthetic runs' spread of 1 % makes of a median of 1
    assert verdict(asked(Target(p90_ms=1.2), 1.2, 1.0, percentile=90)).value == pytest.approx(p90_of_one, rel=0.01)


@pytest.mark.parametrize(("ms", "status"), [(0.4, Status.PASS), (0.6, Status.FAIL)])
def test_a_fraction_is_one_of_the_dense_model_in_the_same_session(ms: float, status: Status) -> None:
    # the dense file takes 1 ms, the floor 0.01 ms: what the sizing session said of them does not matter
    found = verdict(asked(Target(latency_fraction=0.5), 7.0, ms))
    assert found.status is status
    assert found.limit == pytest.approx(1.05 * (0.01 + 0.5 * 0.99), rel=0.01)


def test_other_targets_and_other_runtimes_are_not_judged() -> None:
    assert check(evidence(plan=plan(latency=()))) == ()
    judged = {one.artifact for one in check(asked(Target(p50_ms=1.0), 1.0, 0.5))}
    assert judged == {ONE, "compressed-onnxruntime-static_int8"}
