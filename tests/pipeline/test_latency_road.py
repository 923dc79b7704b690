"""A target in milliseconds on the road: tabulated before learning, sized at the cut, judged on what was delivered."""

from __future__ import annotations

from pathlib import Path

import pytest
from by_macs import comparing

from l0gm_edge.core import store
from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.core.progress import Silent
from l0gm_edge.core.recipe import Recipe, Target
from l0gm_edge.core.report import Report
from l0gm_edge.pipeline import run, run_stage
from l0gm_edge.pipeline.tabulating import Tables
from l0gm_edge.pipeline.timing import Bench

DENSE_MS, FIXED = 0.5, 0.1


class Made(Silent):
    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage(self, name: str, *, reused: bool = False) -> None:
        if not reused:
            self.stages.append(name)


@pytest.fixture(autouse=True)
def by_formula(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, torch_as_it_was: None) -> None:
    """Cuts take as long as their MACs say, and tables are kept in the test's own folder."""

    monkeypatch.setattr(Bench, "compare", comparing(DENSE_MS, FIXED, []))
    monkeypatch.setenv("L0GM_EDGE_COST", str(tmp_path / "cost"))


def asking(recipe: Recipe, **target: float) -> Recipe:
    """The recipe with another target, and enough training to get there."""
    return recipe.model_copy(update={"gates": recipe.gates.model_copy(update={"target": Target(**target)})})


def begun(out: Path, recipe: Recipe, hardware: HardwareProfile) -> None:
    store.write_value(out / "recipe.json", recipe)
    store.write_value(out / "hardware.json", hardware)


def test_the_cut_is_sized_for_what_was_asked(recipe: Recipe, hardware: HardwareProfile, out: Path) -> None:
    begun(out, asking(recipe, p50_ms=0.3), hardware)
    listener = Made()
    run_stage(out, "prune", progress=listener)
    assert listener.stages == ["tabulate", "learn", "prune"]
    (table,) = store.read_value(Tables, out / "tabulate" / "tables.json").tables
    assert table.dense_ms == DENSE_MS
    plan = store.read_value(PrunePlan, out / "prune" / "plan.json")
    (sized,) = plan.latency
    assert (sized.requested_ms, sized.percentile) == (pytest.approx(0.3), 50)
    assert 0.93 <= sized.measured_ms / sized.requested_ms <= 1.01
    true = DENSE_MS * (FIXED + (1 - FIXED) * plan.macs_after / plan.macs_before)
    assert sized.measured_ms == pytest.approx(true)

    # nothing is made again that need not be; another request learns anew, on the same table
    run_stage(out, "prune", progress=listener)
    assert len(listener.stages) == 3
    begun(out, asking(recipe, latency_fraction=0.5), hardware)
    run_stage(out, "prune", progress=listener)
    assert listener.stages[3:] == ["learn", "prune"]
    (sized,) = store.read_value(PrunePlan, out / "prune" / "plan.json").latency
    assert sized.requested_ms == pytest.approx(DENSE_MS * (FIXED + 0.5 * (1 - FIXED)))


@pytest.mark.parametrize(
    ("target", "told"),
    [({"p50_ms": 0.04}, "for an almost empty model"), ({"p50_ms": 0.051}, "the least widths alone come to")],
)
def test_what_no_cut_can_reach_is_refused_before_learning(
    target: dict[str, float], told: str, recipe: Recipe, hardware: HardwareProfile, out: Path
) -> None:
    begun(out, asking(recipe, **target), hardware)
    listener = Made()
    with pytest.raises(TargetImpossible, match=told):
        run_stage(out, "learn", progress=listener)
    assert listener.stages == ["tabulate"]


@pytest.mark.slow
def test_the_report_holds_what_was_delivered_against_what_was_asked(
    recipe: Recipe, hardware: HardwareProfile, out: Path
) -> None:
    report: Report = run(asking(recipe, p50_ms=0.3), hardware, out)
    (sized,) = report.latency
    (verdict,) = [one for one in report.verdicts if one.check == "budget"]
    assert verdict.artifact == "compressed-onnxruntime-fp32"
    assert verdict.limit == pytest.approx(1.05 * sized.requested_ms)
    assert "tabulate" in report.seconds
    assert "asked for" in (out / "report.md").read_text(encoding="utf-8")
