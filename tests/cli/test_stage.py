"""The commands of single stages: what they refuse, what they hand to the pipeline, what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import Result

from l0gm_edge.core.store import RunFolder

Invoke = Callable[..., Result]
STAGES = ("learn", "prune", "recover", "quantize", "compile", "measure")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.json").write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_made_and_its_record_told(
    stage: str, invoke: Invoke, pipeline: ModuleType, run_folder: Path
) -> None:
    seen: list[object] = []

    def run_stage(folder: Path, stage: str, data_dir: Path | None, progress: object) -> None:
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
