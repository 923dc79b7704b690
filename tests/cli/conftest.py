"""A command line run in this process, and a report to end with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from l0gm_edge.cli.main import main
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.core.report import CompressedScores, ModelScores, Report, Routing
from l0gm_edge.core.verdict import Status, Verdict

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


def report_of(recipe: Recipe, hardware: HardwareProfile, *statuses: Status) -> Report:
    """A report whose run-level verdicts have these statuses."""
    scores = {"accuracy": 0.96, "ece": 0.02, "ece_scaled": 0.01, "nll": 0.1, "brier": 0.05, "temperature": 1.1}
    return Report(
        passed=bool(statuses) and set(statuses) == {Status.PASS},
        recipe=recipe,
        hardware=hardware,
        verdicts=tuple(
            Verdict(check=f"check {index}", artifact=None, status=status, reason=f"because {index}")
            for index, status in enumerate(statuses)
        ),
        dense=ModelScores(parameters=1000, macs=2000, **scores),
        compressed=CompressedScores(
            parameters=250,
            macs=500,
            active_fraction_requested=0.4,
            active_fraction_realised=0.4,
            exactness=1e-7,
            **scores,
        ),
        artifacts=(),
        floors=(),
        sites=(),
        routing=Routing(rows=(), experts=(), share=()),
        environment={},
        seconds={},
    )


@pytest.fixture
def make_report() -> Callable[..., Report]:
    """A report from a recipe, a profile and the statuses of its run-level verdicts."""
    return report_of


@pytest.fixture
def ends_with(pipeline: ModuleType) -> Callable[..., None]:
    """Make the run end with a report of these statuses."""

    def set_statuses(*statuses: Status) -> None:
        def run(
            recipe: Recipe, hardware: HardwareProfile, folder: Path, data_dir: Path | None, progress: object
        ) -> Report:
            return report_of(recipe, hardware, *statuses)

        pipeline.run = run  # type: ignore[attr-defined]

    return set_statuses
