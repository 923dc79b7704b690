from __future__ import annotations

from dataclasses import replace

from synthetic import artifacts, evidence

from l0gm_edge.check.checks.measured import check
from l0gm_edge.check.outcome import judge
from l0gm_edge.core.evidence import Evidence, Unmeasured, unmeasured
from l0gm_edge.core.hardware import Runtime
from l0gm_edge.core.verdict import Status

WHY = "there is no NVIDIA GPU on this device"


def without_tflite(*, required: bool) -> Evidence:
    """The run on a device that could run nothing of TFLite."""
    every = artifacts()
    there = tuple(one for one in every if one.artifact.runtime != "tflite")
    lost = tuple(Unmeasured(one.artifact, WHY) for one in every if one.artifact.runtime == "tflite")
    made_up = evidence(measured=there, unmeasured=lost)
    runtimes = [Runtime(name=one.name, schemes=one.schemes, required=required) for one in made_up.hardware.runtimes]
    return replace(made_up, hardware=made_up.hardware.model_copy(update={"runtimes": tuple(runtimes)}))


def test_what_was_not_measured_is_inconclusive_by_name() -> None:
    assert {one.status for one in check(evidence())} == {Status.PASS}
    found = [one for one in check(without_tflite(required=False)) if one.status is not Status.PASS]
    assert [one.artifact for one in found] == ["compressed-tflite-fp32", "compressed-tflite-static_int8"]
    assert {one.status for one in found} == {Status.INCONCLUSIVE}
    assert all(WHY in one.reason for one in found)


def test_it_is_never_chosen_and_stops_only_runs_that_require_it() -> None:
    for required in (False, True):
        outcome = judge(without_tflite(required=required))
        assert {choice.runtime for choice in outcome.choices if choice.chosen} == {"onnxruntime"}
        assert outcome.passed is not required


def test_a_record_tells_that_it_was_not_measured() -> None:
    one, *others = artifacts()
    lost = one.measurement.model_copy(update={"unmeasured": WHY})
    by_name = {lost.artifact: lost, **{other.artifact.name: other.measurement for other in others}}
    found = unmeasured([each.artifact for each in (one, *others)], by_name)
    assert [(each.artifact.name, each.why) for each in found] == [(lost.artifact, WHY)]
