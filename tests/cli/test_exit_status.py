"""The exit status that a shell sees, for every way a run can end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from l0gm_edge.core import load, store
from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import Status

# A child whose pipeline does what the test says: return a report read from a file, or raise an error of ours.
CHILD = """
import sys
from pathlib import Path
from types import ModuleType
from l0gm_edge.cli.main import main
from l0gm_edge.core import errors
from l0gm_edge.core.report import Report

how, recipe = sys.argv[1:3]

def run(*_):
    if how.endswith(".json"):
        return Report.model_validate_json(Path(how).read_text())
    raise getattr(errors, how)("it broke") if hasattr(errors, how) else KeyboardInterrupt

sys.modules["l0gm_edge.pipeline"] = ModuleType("l0gm_edge.pipeline")
sys.modules["l0gm_edge.pipeline"].run = run
main(["run", recipe, "--hardware", "host-cpu"])
"""


def status(how: str, recipe: Path) -> int:
    command = [sys.executable, "-c", CHILD, how, str(recipe)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("RecipeError", 2),
        ("DataError", 2),
        ("TargetImpossible", 2),
        ("TrainingDiverged", 2),
        ("IntegrityError", 2),
        ("ExportFailed", 4),
        ("DeviceFailed", 4),
        ("StorageFailed", 4),
        ("interrupted", 130),
    ],
)
def test_an_error_reaches_the_shell(how: str, expected: int, recipe_file: Path) -> None:
    assert status(how, recipe_file) == expected


@pytest.mark.parametrize(("found", "expected"), [(Status.PASS, 0), (Status.FAIL, 1), (Status.INCONCLUSIVE, 3)], ids=str)
def test_a_verdict_reaches_the_shell(
    found: Status, expected: int, make_report: Callable[..., Report], recipe_file: Path, tmp_path: Path
) -> None:
    report = make_report(load.recipe(str(recipe_file)), load.hardware("host-cpu"), found)
    path = tmp_path / "report.json"
    store.write_value(path, report)
    assert status(str(path), recipe_file) == expected
