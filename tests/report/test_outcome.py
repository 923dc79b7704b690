from __future__ import annotations

import pytest

from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import Status
from l0gm_edge.report.outcome import blocks, outcome


def test_a_rejected_artifact_does_not_fail_a_run(reports: dict[str, Report]) -> None:
    found = outcome(reports["passing"])
    assert found.status is Status.PASS
    assert found.obstacles == ()
    assert "int8 for onnxruntime and dynamic_int8 for tflite" in found.sentence
    failed = [one for one in reports["passing"].verdicts if one.status is Status.FAIL]
    assert failed
    assert not any(blocks(reports["passing"], one) for one in failed)


def test_a_fail_names_the_checks_of_the_run_that_failed(reports: dict[str, Report]) -> None:
    found = outcome(reports["failing"])
    assert found.status is Status.FAIL
    assert [one.check for one in found.obstacles] == ["parameter_fraction", "artifact_for_tflite"]


def test_an_artifact_blocks_where_nothing_else_ships(reports: dict[str, Report]) -> None:
    report = reports["failing"]
    blocking = {one.artifact for one in report.verdicts if one.status is Status.FAIL and blocks(report, one)}
    stranded = {row.name for row in report.artifacts if row.runtime == "tflite" and row.role == "compressed"}
    assert blocking == stranded | {None}


def test_open_checks_are_inconclusive(reports: dict[str, Report]) -> None:
    found = outcome(reports["inconclusive"])
    assert found.status is Status.INCONCLUSIVE
    assert found.sentence == "Nothing failed, but 2 checks leave this run undecided."
    assert {one.status for one in found.obstacles} == {Status.INCONCLUSIVE}


def test_failures_come_before_what_is_open(reports: dict[str, Report]) -> None:
    report = reports["failing"]
    open_ = report.verdicts[0].model_copy(update={"status": Status.INCONCLUSIVE})
    found = outcome(report.model_copy(update={"verdicts": (open_, *report.verdicts[1:])}))
    assert [one.status for one in found.obstacles] == [Status.FAIL, Status.FAIL, Status.INCONCLUSIVE]


@pytest.mark.parametrize("verdicts", ["none", "of artifacts alone"])
def test_no_check_of_the_run_is_never_a_pass(reports: dict[str, Report], verdicts: str) -> None:
    report = reports["passing"]
    kept = () if verdicts == "none" else tuple(one for one in report.verdicts if one.artifact)
    assert outcome(report.model_copy(update={"verdicts": kept})).status is Status.INCONCLUSIVE


def test_what_is_not_recorded_as_passed_has_not_passed(reports: dict[str, Report]) -> None:
    assert outcome(reports["passing"].model_copy(update={"passed": False})).status is Status.INCONCLUSIVE
