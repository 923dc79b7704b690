"""`l0gm-edge run`: what it hands to the pipeline, and the exit status each outcome ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import Result

from l0gm_edge.core.progress import Silent
from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import Status

Invoke = Callable[..., Result]
PASS, FAIL, OPEN = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((PASS,), 0),
        ((PASS, PASS), 0),
        ((PASS, FAIL), 1),
        ((PASS, OPEN), 3),
        ((OPEN, FAIL), 1),
        ((), 3),
    ],
)
def test_the_exit_status_follows_from_the_verdicts(
    invoke: Invoke, ends_with: Callable[..., None], recipe_file: Path, statuses: tuple[Status, ...], expected: int
) -> None:
    ends_with(*statuses)
    assert invoke("run", str(recipe_file), "--hardware", "host-cpu").exit_code == expected


def test_a_person_reads_the_verdict_what_stands_in_the_way_and_the_page(
    invoke: Invoke, ends_with: Callable[..., None], recipe_file: Path
) -> None:
    ends_with(PASS, FAIL)
    result = invoke("run", str(recipe_file), "--hardware", "host-cpu", "--out", "there")
    assert result.stdout.startswith("FAIL  tiny on This machine's CPU\n  FAIL check 1: because 1\n")
    assert "1,000 -> 250  (25.0%)" in result.stdout
    assert "there/report.html" in result.stdout
    assert result.stderr == ""


def test_json_is_the_report_and_nothing_else(invoke: Invoke, ends_with: Callable[..., None], recipe_file: Path) -> None:
    ends_with(OPEN)
    result = invoke("run", str(recipe_file), "--hardware", "host-cpu", "--json")
    assert result.exit_code == 3
    assert result.stderr == ""
    assert json.loads(result.stdout)["schema_version"] == 1
    assert Report.model_validate_json(result.stdout).passed is False


def test_the_pipeline_gets_what_was_asked_for(
    invoke: Invoke, pipeline: ModuleType, ends_with: Callable[..., None], recipe_file: Path, tmp_path: Path
) -> None:
    ends_with(PASS)
    seen: list[object] = []
    finish = pipeline.run

    def run(*arguments: object) -> Report:
        seen.extend(arguments)
        report = finish(*arguments)
        assert isinstance(report, Report)
        return report

    pipeline.run = run  # type: ignore[attr-defined]
    folders = ("--out", str(tmp_path / "out"), "--data-dir", str(tmp_path), "--pythonpath", str(tmp_path))
    options = (*folders, "--set", "seed=3", "--set", "learn.steps=5")
    assert invoke("run", str(recipe_file), "--hardware", "host-cpu", *options).exit_code == 0
    recipe, hardware, folder, data_dir, progress, pythonpath = seen
    assert getattr(recipe, "seed", None) == 3
    assert getattr(hardware, "name", None) == "host-cpu"
    assert (folder, data_dir) == (tmp_path / "out", tmp_path)
    assert isinstance(progress, Silent)
    assert pythonpath == (tmp_path,)


def test_without_out_a_run_goes_to_runs_and_its_name(
    invoke: Invoke, pipeline: ModuleType, ends_with: Callable[..., None], recipe_file: Path
) -> None:
    ends_with(PASS)
    result = invoke("run", str(recipe_file), "--hardware", "host-cpu", "--set", "name=mine")
    assert "runs/mine/report.html" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "nowhere.yaml", "--hardware", "host-cpu"), "no file and no shipped recipes entry 'nowhere.yaml'"),
        (("run", "{recipe}", "--hardware", "host-gpu"), "did you mean 'host-cpu'?"),
        (("run", "{recipe}", "--hardware", "host-cpu", "--set", "learn.stepz=2"), "did you mean 'steps'?"),
        (("run", "{recipe}", "--hardware", "host-cpu", "--set", "learn"), "--set found 'learn'"),
    ],
)
def test_refused_inputs_end_with_2_and_write_nothing(
    invoke: Invoke,
    recipe_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    filled = [argument.format(recipe=recipe_file) for argument in arguments]
    plain = invoke(*filled)
    assert plain.exit_code == 2
    assert expected in plain.stderr
    told = invoke(*filled, "--json")
    assert told.exit_code == 2
    assert expected in json.loads(told.stdout)["error"]["what"]
    assert list(empty.iterdir()) == []
