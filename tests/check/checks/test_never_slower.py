"""A quantized artifact against its fp32 twin."""

from __future__ import annotations

import pytest
from synthetic import artifacts, blocks, changed, evidence, with_artifact

from l0gm_edge.check.checks.never_slower import check
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.verdict import Status, Verdict

ONE, TWIN = "compressed-tflite-static_int8", "compressed-tflite-fp32"


def verdict_on(made_up: Evidence) -> Verdict:
    """The verdict on the int8 file of one runtime."""
    return next(verdict for verdict in check(made_up) if verdict.artifact == ONE)


@pytest.mark.parametrize(
    ("ratio", "spread", "status"),
    [
        (0.7, 0.01, Status.PASS),
        (1.0, 0.01, Status.PASS),
        (1.01, 0.001, Status.PASS),
        (1.05, 0.01, Status.FAIL),
        (3.0, 0.3, Status.FAIL),
    ],
)
def test_the_rule(ratio: float, spread: float, status: Status) -> None:
    verdict = verdict_on(with_artifact(ONE, blocks=blocks(0.4 * ratio, spread=spread, seed=1)))
    assert verdict.status is status
    assert verdict.value == pytest.approx(ratio, rel=0.1)


def test_above_the_noise_with_an_interval_that_holds_one_is_inconclusive() -> None:
    slow_half = tuple(
        one.model_copy(
            update={"latencies_ns": tuple(int(ns * (1.3 if one.process else 0.9)) for ns in one.latencies_ns)}
        )
        for one in blocks(0.4)
    )
    assert verdict_on(with_artifact(ONE, blocks=slow_half)).status is Status.INCONCLUSIVE


def test_the_costly_operators_are_named() -> None:
    ours = (
        LayerTime(name="q", op="QUANTIZE", mean_ns=90_000),
        LayerTime(name="a", op="FULLY_CONNECTED", mean_ns=10_000),
        LayerTime(name="b", op="MEAN", mean_ns=30_000),
        LayerTime(name="c", op="MEAN", mean_ns=30_000),
    )
    theirs = (
        LayerTime(name="a", op="FULLY_CONNECTED", mean_ns=50_000),
        LayerTime(name="b", op="MEAN", mean_ns=20_000),
    )
    every = changed(artifacts(), ONE, blocks=blocks(0.9), layers=ours, fallback_ops=("MEAN", "SOFTMAX"))
    every = changed(every, TWIN, layers=theirs, fallback_ops=("SOFTMAX",))
    reason = verdict_on(evidence(measured=every)).reason
    assert "QUANTIZE (+129% of fp32's operator time, not in fp32), MEAN (+57% of fp32's operator time)" in reason
    assert "FULLY_CONNECTED" not in reason
    assert "fell out of the fast path: MEAN" in reason
    assert "SOFTMAX" not in reason


@pytest.mark.parametrize("changes", [{"session": "another"}, {"blocks": blocks(0.1)[:3]}])
def test_without_interleaved_runs_it_is_inconclusive(changes: dict[str, object]) -> None:
    assert verdict_on(with_artifact(ONE, **changes)).status is Status.INCONCLUSIVE


def test_without_a_twin_it_is_inconclusive() -> None:
    alone = tuple(one for one in artifacts() if one.artifact.name != TWIN)
    assert verdict_on(evidence(measured=alone)).status is Status.INCONCLUSIVE


def test_fp32_is_not_compared_with_itself() -> None:
    assert not [verdict for verdict in check(evidence()) if "fp32" in (verdict.artifact or "")]
