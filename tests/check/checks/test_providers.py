"""The provider that was asked for, against what ran where."""

from __future__ import annotations

import pytest
from synthetic import evidence, hardware, shares, with_artifact

from l0gm_edge.check.checks.providers import check
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.session import Provider, Session
from l0gm_edge.core.verdict import Status, Verdict

ONE = "compressed-onnxruntime-fp32"


def verdict_on(made_up: Evidence) -> Verdict:
    return next(verdict for verdict in check(made_up) if verdict.artifact == ONE)


def asking(**session: object) -> HardwareProfile:
    profile = hardware()
    changed = [one.model_copy(update={"session": Session(**session)}) for one in profile.runtimes[:1]]
    return profile.model_copy(update={"runtimes": (*changed, *profile.runtimes[1:])})


@pytest.mark.parametrize(
    ("on_cpu", "allowed", "status"),
    [(0, 0, Status.PASS), (1, 0.1, Status.PASS), (2, 0.1, Status.FAIL), (10, 0.9, Status.FAIL), (10, 1, Status.PASS)],
)
def test_the_cpu_may_take_its_share_and_no_more(on_cpu: int, allowed: float, status: Status) -> None:
    made_up = with_artifact(ONE, providers=shares(on_cpu))
    profile = asking(providers=(Provider.XNNPACK, Provider.CPU), max_cpu_share=allowed)
    verdict = verdict_on(evidence(measured=made_up.measured, hardware=profile))
    assert (verdict.status, verdict.value) == (status, on_cpu / 10)
    assert f"Xnnpack ran {10 - on_cpu} of 10 nodes, {10 - on_cpu}0%" in verdict.reason.replace(" 0%", " 00%")


def test_the_operators_that_fell_back_are_named() -> None:
    verdict = verdict_on(with_artifact(ONE, providers=shares(5), fallback_ops=("Gather", "TopK")))
    assert verdict.reason.endswith("the CPU may take 10% of the time (Gather, TopK)")


def test_what_nothing_tells_is_inconclusive() -> None:
    assert verdict_on(with_artifact(ONE, providers=())).status is Status.INCONCLUSIVE


def test_nothing_is_said_where_only_the_cpu_was_asked_for() -> None:
    assert check(evidence(hardware=asking())) == ()
    assert {verdict.artifact for verdict in check(evidence())} == {ONE, "compressed-onnxruntime-static_int8"}
