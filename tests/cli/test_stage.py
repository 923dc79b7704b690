"""The commands of single stages: what they refuse, what they hand to the pipeline, what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import Result

from l0gm_edge.check.outcome import Outcome
from l0gm_edge.core import load, store
from l0gm_edge.core.report import Report
from l0gm_edge.core.store import RunFolder
from l0gm_edge.core.value import Value
from l0gm_edge.core.verdict import Status, Verdict

Invoke = Callable[..., Result]
STAGES = ("learn", "prune", "recover", "quantize", "compile", "measure", "bundle")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.json").write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_made_and_its_record_told(
    stage: str, invoke: Invoke, pipeline: ModuleType, run_folder: Path
) -> None:
    seen: list[object] = []

    def run_stage(folder: Path, stage: str, data_dir: Path | None, progress: object, pythonpath: object) -> None:
        seen.extend([folder, stage, data_dir])
        RunFolder(folder).make(stage, {"recipe": "a"}, lambda partial: (partial / "x").write_text("y") and None)

    pipeline.run_stage = run_stage  # type: ignore[attr-defined]
    result = invoke(stage, str(run_folder), "--data-dir", "/data", "--json")
    assert result.exit_code == 0, result.stderr
    assert seen == [run_folder, stage, Path("/data")]
    record = json.loads(result.stdout)
    assert record["stage"] == stage
    assert list(record["files"]) == ["x"]
    assert invoke(stage, str(run_folder)).stdout == f"{stage}: {run_folder / stage}\n"


@pytest.mark.parametrize("stage", [*STAGES, "check", "report"])
def test_a_folder_that_is_no_run_is_refused(stage: str, invoke: Invoke, tmp_path: Path) -> None:
    result = invoke(stage, str(tmp_path), "--json")
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert error["where"] == str(tmp_path)
    assert "l0gm-edge run" in error["todo"]


def test_report_ends_as_the_run_does(
    invoke: Invoke, pipeline: ModuleType, make_report: Callable[..., Report], recipe_file: Path, run_folder: Path
) -> None:
    report = make_report(load.recipe(str(recipe_file)), load.hardware("host-cpu"), Status.FAIL)
    pipeline.run_stage = leaving("report.json", report)  # type: ignore[attr-defined]
    result = invoke("report", str(run_folder), "--json")
    assert result.exit_code == 1
    assert Report.model_validate_json(result.stdout) == report


@pytest.mark.parametrize(("status", "expected"), [(Status.PASS, 0), (Status.FAIL, 1), (Status.INCONCLUSIVE, 3)])
def test_check_tells_every_verdict_and_ends_with_what_they_say(
    status: Status, expected: int, invoke: Invoke, pipeline: ModuleType, run_folder: Path
) -> None:
    of_run = Verdict(check="exactness", artifact=None, status=status, reason="the cut is equal")
    rejected = Verdict(check="parity", artifact="small-int8", status=Status.FAIL, reason="far off")
    outcome = Outcome(verdicts=(of_run, rejected), choices=())
    pipeline.run_stage = leaving("outcome.json", outcome)  # type: ignore[attr-defined]
    plain = invoke("check", str(run_folder))
    assert plain.exit_code == expected
    assert "run: exactness: the cut is equal" in plain.stdout
    assert "small-int8: parity: far off" in plain.stdout
    assert Outcome.model_validate_json(invoke("check", str(run_folder), "--json").stdout) == outcome


def leaving(name: str, value: Value) -> Callable[[Path, str, Path | None, object], None]:
    def run_stage(folder: Path, stage: str, data_dir: Path | None, progress: object, pythonpath: object) -> None:
        store.write_value(folder / stage / name, value)

    return run_stage
