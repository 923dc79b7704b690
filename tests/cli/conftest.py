"""A command line run in this process, and a report to end with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result
from reports import report_of

from l0gm_edge.cli.main import main
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import Status

Invoke = Callable[..., Result]


@pytest.fixture
def invoke() -> Invoke:
    """Run a command line through click's runner; an exception that reaches click fails the test."""

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(main, list(arguments))
        assert isinstance(result.exception, SystemExit | None)
        return result

    return run


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An empty module in the pipeline's place, so that a test decides what a run does."""
    module = ModuleType("l0gm_edge.pipeline")
    monkeypatch.setitem(sys.modules, "l0gm_edge.pipeline", module)
    return module


@pytest.fixture
def make_report() -> Callable[..., Report]:
    """A report from a recipe, a profile and the statuses of its run-level verdicts."""
    return report_of


@pytest.fixture
def ends_with(pipeline: ModuleType) -> Callable[..., None]:
    """Make the run end with a report of these statuses."""

    def set_statuses(*statuses: Status) -> None:
        def run(recipe: Recipe, hardware: HardwareProfile, folder: Path, data_dir: Path | None, *_: object) -> Report:
            return report_of(recipe, hardware, *statuses)

        pipeline.run = run  # type: ignore[attr-defined]

    return set_statuses
