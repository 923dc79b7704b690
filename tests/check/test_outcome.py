"""The outcome of a run."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from synthetic import artifacts, blocks, changed, evidence, plan, with_artifact

from l0gm_edge.check.outcome import exit_status, judge
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.verdict import Status, Verdict

BROKEN = {"size_bytes": 2_000_000}


def goal(made_up: Evidence, name: str) -> Verdict:
    """One run-level verdict."""
    return next(verdict for verdict in judge(made_up).verdicts if verdict.artifact is None and verdict.check == name)


def failing(runtime: str, made_up: Evidence) -> Evidence:
    """The run with every compressed artifact of a runtime over its file budget."""
    every = made_up.measured
    for one in made_up.of_role(Role.COMPRESSED):
        if one.artifact.runtime == runtime:
            every = changed(every, one.artifact.name, **BROKEN)
    return replace(made_up, measured=every)


def optional(profile: HardwareProfile, runtime: str) -> HardwareProfile:
    """The profile with that runtime no longer required."""
    every = (one.model_copy(update={"required": one.name != runtime}) for one in profile.runtimes)
    return profile.model_copy(update={"runtimes": tuple(every)})


def test_the_made_up_run_passes() -> None:
    outcome = judge(evidence())
    assert outcome.passed
    assert exit_status(outcome.verdicts) == 0


def test_a_rejected_artifact_does_not_fail_the_run() -> None:
    outcome = judge(with_artifact("compressed-tflite-static_int8", blocks=blocks(0.9)))
    assert Status.FAIL in {verdict.status for verdict in outcome.verdicts}
    assert outcome.passed


def test_a_required_runtime_without_a_passing_artifact_fails_the_run() -> None:
    made_up = failing("tflite", evidence())
    assert goal(made_up, "artifact_for_tflite").status is Status.FAIL
    assert goal(made_up, "artifact_for_onnxruntime").status is Status.PASS
    assert exit_status(judge(made_up).verdicts) == 1
    assert judge(replace(made_up, hardware=optional(made_up.hardware, "tflite"))).passed


def test_a_required_runtime_that_nothing_was_built_for_is_open() -> None:
    made_up = evidence(measured=tuple(one for one in artifacts() if one.artifact.runtime != "tflite"))
    assert goal(made_up, "artifact_for_tflite").status is Status.INCONCLUSIVE
    assert exit_status(judge(made_up).verdicts) == 3


def test_a_run_that_was_not_exact_fails_whatever_its_artifacts() -> None:
    outcome = judge(evidence(plan=plan(units_after=3)))
    assert any(choice.chosen for choice in outcome.choices)
    assert exit_status(outcome.verdicts) == 1


@pytest.mark.parametrize(("ms", "status"), [(0.45, Status.PASS), (0.5, Status.INCONCLUSIVE), (0.7, Status.FAIL)])
def test_the_fastest_chosen_artifact_is_held_against_dense_fp32(ms: float, status: Status) -> None:
    every = artifacts()
    for runtime, scheme in product(("onnxruntime", "tflite"), ("fp32", "static_int8")):
        every = changed(every, f"compressed-{runtime}-{scheme}", blocks=blocks(ms, spread=0.02, seed=5))
    verdict = goal(evidence(measured=every), "p50_ratio")
    assert verdict.status is status
    assert verdict.value == pytest.approx(ms, rel=0.02)


def test_the_smallest_file_that_passed_is_held_against_dense_fp32() -> None:
    assert goal(evidence(), "file_ratio").value == pytest.approx(0.075)
    every = artifacts()
    for runtime in ("onnxruntime", "tflite"):
        every = changed(every, f"compressed-{runtime}-static_int8", **BROKEN)
    verdict = goal(evidence(measured=every), "file_ratio")
    assert (verdict.status, verdict.value) == (Status.FAIL, 0.25)


def test_a_wrong_yardstick_measures_nothing() -> None:
    every = artifacts()
    for one in evidence().of_role(Role.DENSE):
        halved = {split: values / 2 for split, values in one.outputs.items()}
        every = changed(every, one.artifact.name, outputs=halved)
    made_up = evidence(measured=every)
    assert goal(made_up, "p50_ratio").status is Status.INCONCLUSIVE
    assert goal(made_up, "file_ratio").status is Status.INCONCLUSIVE


def test_exit_status_follows_from_run_level_verdicts() -> None:
    def said(*statuses: Status, artifact: str | None = None) -> list[Verdict]:
        return [Verdict(check="x", artifact=artifact, status=status, reason="r") for status in statuses]

    assert exit_status([]) == 3
    assert exit_status(said(Status.PASS, artifact="a")) == 3
    assert exit_status(said(Status.PASS, Status.PASS)) == 0
    assert exit_status(said(Status.PASS, Status.INCONCLUSIVE)) == 3
    assert exit_status(said(Status.INCONCLUSIVE, Status.FAIL)) == 1
    assert exit_status(said(Status.PASS) + said(Status.FAIL, artifact="a")) == 0


def test_outputs_of_another_shape_are_refused_before_any_check() -> None:
    with pytest.raises(DeviceFailed, match="shape"):
        with_artifact("compressed-tflite-fp32", outputs={})
