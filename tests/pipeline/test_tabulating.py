"""Cost tables of a small network on this machine, and where they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import costs
import native_profiles
import pytest
import torch
from torch import Tensor

from l0gm_edge.core import load
from l0gm_edge.core.errors import RefusedInput, TargetImpossible
from l0gm_edge.core.hardware import Execution, HardwareProfile
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.store import read_value
from l0gm_edge.cost.table import Table
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.measure.comparing import Comparison
from l0gm_edge.pipeline import tabulating, timing
from l0gm_edge.pipeline.cuts import stirred
from l0gm_edge.pipeline.tabulating import Effort, tabulate
from l0gm_edge.pipeline.timing import Bench, name

ROWS = {"input": torch.randn(3, 3, 8, 8).numpy()}
FEW = Effort(first=5, held_out=2, more=2, most=7, timing=Measure(processes=2, blocks=3, runs_per_block=3))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("L0GM_EDGE_COST", str(tmp_path / "cost"))
    return tmp_path / "cost"


@pytest.fixture
def hardware(root: Path) -> HardwareProfile:
    profile = load.hardware(str(root / "hardware" / "host-cpu.yaml"))
    return profile.model_copy(update={"runtimes": profile.runtimes[:1]})


@pytest.fixture
def by_formula(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Cuts take what the made-up device takes; how many were timed at each call."""
    calls: list[int] = []

    def compare(self: Bench, _: str, kept: Sequence[Tensor], settings: Measure, *, floor: bool = False) -> Comparison:
        calls.append(len(kept))
        ratios = {name(one): ((costs.ratio(self.subject, one),),) for one in kept}
        nothing = {timing.FLOOR: ((costs.FIXED,),)} if floor else {}
        return Comparison(ratios | nothing, (((1.01,),),), ((2_000_000,),))

    monkeypatch.setattr(Bench, "compare", compare)
    return calls


def test_cuts_are_timed_until_those_held_out_are_predicted_well(
    hardware: HardwareProfile, by_formula: list[int]
) -> None:
    found = tabulate(costs.subject(), hardware, ROWS)
    (table,), (missed,) = found.tables, found.accuracies
    assert missed.median <= 0.05
    assert sum(by_formula) == len(table.rows)
    assert by_formula[0] == 55
    assert sum(row.held_out for row in table.rows) == missed.rows == 16
    assert table.fixed_ms == pytest.approx(costs.FIXED * table.dense_ms)


def test_no_more_than_the_most_are_timed(hardware: HardwareProfile, by_formula: list[int]) -> None:
    never_good = Effort(first=8, held_out=4, more=5, most=20, good=0.0)
    assert len(tabulate(costs.subject(), hardware, ROWS, never_good).tables[0].rows) == 19
    assert by_formula == [11, 5, 3]


def test_what_was_timed_before_is_not_timed_again(
    hardware: HardwareProfile, by_formula: list[int], cache: Path
) -> None:
    first = tabulate(costs.subject(), hardware, ROWS)
    timed = len(by_formula)
    assert tabulate(costs.subject(), hardware, ROWS) == first
    assert len(by_formula) == timed
    (path,) = cache.iterdir()
    assert read_value(Table, path) == first.tables[0]
    assert str(path) == tabulating.summaries(first)[0].path


def test_weights_do_not_matter_and_threads_do(hardware: HardwareProfile, by_formula: list[int]) -> None:
    tabulate(costs.subject(), hardware, ROWS)
    timed = len(by_formula)
    other = costs.subject()
    stirred(other.model)
    tabulate(other, hardware, ROWS)
    assert len(by_formula) == timed
    tabulate(other, hardware.model_copy(update={"threads": 2}), ROWS)
    assert len(by_formula) > timed


def test_a_damaged_table_is_made_again(hardware: HardwareProfile, by_formula: list[int], cache: Path) -> None:
    first = tabulate(costs.subject(), hardware, ROWS)
    (path,) = cache.iterdir()
    path.write_text("{}")
    assert tabulate(costs.subject(), hardware, ROWS).tables[0].rows == first.tables[0].rows
    assert read_value(Table, path) == first.tables[0]


@pytest.mark.parametrize("execution", [Execution.EMULATED, Execution.FAKE])
def test_a_device_that_is_not_real_is_refused(hardware: HardwareProfile, execution: Execution) -> None:
    with pytest.raises(RefusedInput, match="needs a real device"):
        tabulate(costs.subject(), hardware.model_copy(update={"execution": execution}), ROWS)


def test_a_model_with_hardly_any_cuts_is_refused(hardware: HardwareProfile, by_formula: list[int]) -> None:
    subject = costs.subject()
    first, *others = subject.layout.sites
    subject = replace(subject, allowed={first.name: (4, 32)} | {site.name: (site.width,) for site in others})
    with pytest.raises(TargetImpossible, match="2 different cuts in all"):
        tabulate(subject, hardware, ROWS)
    assert by_formula == []


@pytest.mark.slow
def test_this_machine_times_real_cuts(hardware: HardwareProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l0gm_edge.measure.comparing.QUIET", 1e9)
    subject = costs.subject()
    (table,) = tabulate(subject, hardware, ROWS, FEW).tables
    _, ratios = table.points()
    assert len(ratios) == 7
    assert all(ratio > 0 for ratio in ratios)
    assert 0 < table.fixed_ms < table.dense_ms
    assert "onnxruntime" in table.key.machine


def test_a_cut_is_the_smaller_model_and_leaves_the_model_as_it_was() -> None:
    subject = costs.subject()
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    kept = torch.ones(subject.layout.units, dtype=torch.bool)
    kept[subject.layout.span(subject.layout.sites[1])][8:] = False
    small = subject.cut(kept)
    assert small[2].out_channels == small[6].in_features == 8
    with evaluating(small):
        assert small(**subject.example).shape == (1, 5)
    assert all(torch.equal(value, before[name]) for name, value in subject.model.state_dict().items())


def test_a_target_in_milliseconds_is_not_for_a_native_runner(tmp_path: Path) -> None:
    phone = load.hardware(str(native_profiles.write(tmp_path)))
    with pytest.raises(RefusedInput, match="a target in milliseconds needs what Python on the device gives"):
        timing.require_real(phone)
