"""The choice of what ships."""

from __future__ import annotations

from synthetic import artifacts, blocks, changed, evidence, with_artifact

from l0gm_edge.check.choose import choose
from l0gm_edge.check.outcome import judge
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.verdict import Choice, Status, Verdict

FLOAT, INT8 = "compressed-tflite-fp32", "compressed-tflite-static_int8"


def choices(made_up: Evidence) -> dict[str, Choice]:
    """Choices by artifact."""
    return {choice.artifact: choice for choice in judge(made_up).choices}


def test_the_fastest_that_passed_is_chosen_for_each_runtime() -> None:
    found = choices(evidence())
    assert {name for name, choice in found.items() if choice.chosen} == {INT8, "compressed-onnxruntime-static_int8"}
    assert "none that did is faster" in found[INT8].why
    assert f"{INT8} is faster" in found[FLOAT].why


def test_of_nearly_equals_the_smaller_file_is_chosen() -> None:
    every = changed(artifacts(), INT8, size_bytes=200_001, blocks=blocks(0.39, seed=3))
    found = choices(evidence(measured=every))
    assert found[FLOAT].chosen
    assert not found[INT8].chosen
    assert "smallest of these" in found[FLOAT].why
    assert "no larger" in found[INT8].why


def test_a_smaller_file_that_costs_time_is_not_chosen() -> None:
    found = choices(with_artifact(INT8, blocks=blocks(0.405, seed=3)))
    assert found[FLOAT].chosen
    assert f"{FLOAT} is faster" in found[INT8].why


def test_a_rejected_artifact_is_told_why_and_the_next_best_ships() -> None:
    found = choices(with_artifact(INT8, blocks=blocks(0.9)))
    assert found[FLOAT].chosen
    assert found[INT8].why.startswith("Rejected: never_slower: takes 2.2")


def test_what_is_open_is_not_shipped() -> None:
    found = choices(with_artifact(INT8, session="another"))
    assert found[FLOAT].chosen
    assert found[INT8].why.startswith("Not shown to pass: never_slower")


def test_no_verdict_is_no_pass() -> None:
    found = choose(evidence(), [Verdict(check="x", artifact=INT8, status=Status.PASS, reason="fine")])
    assert [choice.artifact for choice in found if choice.chosen] == [INT8]
    assert all("no check spoke" in choice.why for choice in found if "onnxruntime" in choice.artifact)


def test_without_latency_the_smallest_ships() -> None:
    verdicts = [Verdict(check="x", artifact=name, status=Status.PASS, reason="fine") for name in (INT8, FLOAT)]
    every = changed(changed(artifacts(), INT8, blocks=()), FLOAT, blocks=())
    found = {choice.artifact: choice for choice in choose(evidence(measured=every), verdicts)}
    assert found[INT8].chosen
    assert "latency not measured" in found[INT8].why
