"""What a native runner's aggregates settle, and what they leave open whatever they say."""

from __future__ import annotations

from dataclasses import replace

import native_profiles
import pytest
from synthetic import artifacts, evidence, hardware

from l0gm_edge.check.aggregates import aggregates
from l0gm_edge.check.budgets import budgets
from l0gm_edge.check.outcome import exit_status, judge
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Evidence, unmeasured
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.verdict import Status, Verdict

OPEN = {"latency_p50", "latency_p90", "parity", "accuracy_drop", "ece", "never_slower", "energy"}
GENEROUS = {"p50_ms": 1000, "p90_ms": 1000, "load_ms": 100, "peak_memory_mb": 100, "file_mb": 100, "energy_mj": 1000}


def timed_natively(**limits: float) -> Evidence:
    """The run on a device that has a native runner."""
    every = artifacts()
    found = {}
    for one in every:
        told = {"aggregates": (native_profiles.aggregates(),), "unmeasured": "aggregates alone", "blocks": ()}
        told |= {"load_ns": (4_000_000,), "peak_memory_bytes": 50_000_000, "outputs": {}, "outputs_sha256": {}}
        told |= {"energy": {"unavailable": "no Python"}}
        found[one.artifact.name] = Measurement.model_validate(one.measurement.model_dump() | told)
    lost = unmeasured([one.artifact for one in every], found)
    made_up = evidence(measured=(), unmeasured=lost)
    return replace(made_up, hardware=made_up.hardware.model_copy(update={"budgets": hardware(**limits).budgets}))


def by_check(verdicts: tuple[Verdict, ...], artifact: str) -> dict[str, Status]:
    return {one.check: one.status for one in verdicts if one.artifact == artifact}


def test_what_needs_samples_or_outputs_is_inconclusive_and_the_rest_is_judged() -> None:
    found = by_check(aggregates(timed_natively(**GENEROUS)), "compressed-tflite-static_int8")
    assert {name for name, status in found.items() if status is Status.INCONCLUSIVE} == OPEN
    assert {name for name, status in found.items() if status is Status.PASS} == {
        "load_time",
        "peak_memory",
        "file_size",
    }


def test_the_reason_tells_the_aggregates_and_what_is_missing() -> None:
    reasons = {one.check: one.reason for one in aggregates(timed_natively(**GENEROUS))}
    assert (
        "needs samples; a native runner gives aggregates alone: mean 2, median 1.99, p95 2.5 ms"
        in reasons["latency_p50"]
    )
    assert "needs the device's outputs" in reasons["parity"]
    assert all(one.artifact is None or one.artifact.startswith(Role.COMPRESSED) for one in aggregates(timed_natively()))


def test_an_fp32_file_has_nothing_to_be_slower_than() -> None:
    assert "never_slower" not in by_check(aggregates(timed_natively()), "compressed-tflite-fp32")


@pytest.mark.parametrize("limits", [{}, GENEROUS])
def test_no_run_passes_on_aggregates(limits: dict[str, float]) -> None:
    outcome = judge(timed_natively(**limits))
    assert not outcome.passed
    assert exit_status(outcome.verdicts) == 3
    assert outcome.choices == ()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"p50_ms": 1000, "p90_ms": 0.001}, {"latency_p50": Status.INCONCLUSIVE, "latency_p90": Status.INCONCLUSIVE}),
        ({"load_ms": 6, "file_mb": 2}, {"load_time": Status.PASS, "file_size": Status.PASS}),
        ({"load_ms": 4.5}, {"load_time": Status.INCONCLUSIVE}),
        ({"load_ms": 1, "peak_memory_mb": 10}, {"load_time": Status.FAIL, "peak_memory": Status.FAIL}),
        ({"energy_mj": 5}, {"energy": Status.INCONCLUSIVE}),
        ({}, {}),
    ],
)
def test_a_profile_s_aggregates_against_budgets(limits: dict[str, float], expected: dict[str, Status]) -> None:
    found = budgets(native_profiles.profile(energy={"unavailable": "no Python"}), hardware(**limits))
    assert {one.check: one.status for one in found} == expected


def test_a_peak_that_was_not_told_is_not_judged() -> None:
    (found,) = budgets(native_profiles.profile(peak_memory_bytes=None), hardware(peak_memory_mb=10_000))
    assert (found.check, found.status) == ("peak_memory", Status.INCONCLUSIVE)
