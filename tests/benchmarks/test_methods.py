"""The tables of methods: what their bars hold, and both from training to table at small scale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import methods
import methods_experts
import methods_l0gm
import methods_pipeline
import pytest
import torch
from frontier import Curve, Panel, draw
from lines import differences, interval, read, told
from methods_core import Setting, seeds
from random_networks import Network, example

from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.layout import Layout

Line = dict[str, Any]


def test_tables_are_the_files_there_are() -> None:
    assert {"experts", "l0gm"} <= set(methods.TABLES)
    assert "core" not in methods.TABLES


def test_seeds_are_a_range_or_one() -> None:
    assert [list(seeds(text)) for text in ("0-2", "7")] == [[0, 1, 2], [7]]


def test_leads_are_paired_by_seed() -> None:
    assert differences({0: 0.9, 1: 0.8, 2: 0.7}, {1: 0.7, 2: 0.7}) == pytest.approx([0.1, 0])
    assert interval([0.5]) is None
    mean, low = interval([0.01, 0.03])
    assert mean == pytest.approx(0.02)
    assert low < 0.01
    assert told([0.01, 0.01]) == "+1.0 ± 0.0"


def line(data: str, arm: str, fraction: float, accuracy: float, ece: float, seed: int = 0) -> Line:
    figures = {"accuracy": accuracy, "auroc": 0.92, "ece_scaled": ece}
    return {"data": data, "arm": arm, "fraction": fraction, "seed": seed} | figures


def l0gm_lines(lost: float, added: float) -> list[Line]:
    return [
        one
        for name in methods_l0gm.SEEDS
        for one in (
            line(name, "dense", 1.0, 0.9, 0.02),
            *(line(name, "progressive", fraction, 0.9 - lost, 0.02 + added) for fraction in methods_l0gm.FRACTIONS),
        )
    ]


def broken(lines: list[Line]) -> list[str]:
    return [bar.bar for bar in methods_l0gm.bars(lines) if not bar.holds]


def test_bars_of_l0gm_hold_for_what_loses_nothing() -> None:
    assert broken(l0gm_lines(0.0, 0.0)) == []


def test_bars_of_l0gm_break_on_lost_points_and_on_worse_calibration_which_is_named() -> None:
    assert broken(l0gm_lines(0.004, 0.0)) == ["adult at 0.1: points of accuracy lost"]
    (cells,) = broken(l0gm_lines(0.0, 0.001))
    assert "worse: adult at 0.25" in cells
    missing = [one for one in l0gm_lines(0, 0) if one["data"] != "cora"]
    (bar,) = [bar for bar in methods_l0gm.bars(missing) if bar.bar.startswith("cells")]
    assert (bar.value, bar.holds) == (8, True)
    assert "not made: cora at 0.25, cora at 0.1" in bar.bar


def experts_lines(leads: list[float]) -> list[Line]:
    return [
        {"data": "mfeat5", "arm": arm, "keep": count, "seed": seed, "after_cut": 0.5 + gain, "accuracy": 0.9 + gain}
        for count in methods_experts.KEPT
        for seed, lead in enumerate(leads)
        for arm, gain in (("reap", lead), ("gate", 0.0), ("random", 0.0))
    ]


@pytest.mark.parametrize(("leads", "holds"), [([0.02, 0.03, 0.025], True), ([0.05, -0.05, 0.01], False)])
def test_bars_of_experts_want_a_lead_over_chance_beyond_its_interval(leads: list[float], holds: bool) -> None:
    found = list(methods_experts.bars(experts_lines(leads), ["mfeat5"]))
    assert len(found) == 2 * len(methods_experts.KEPT)
    assert all(bar.holds is holds for bar in found)


def test_gates_that_have_trained_are_held_against_chance_only_when_all_have() -> None:
    swapped = {"reap": "gate", "gate": "reap"}
    lines = [one | {"arm": swapped.get(one["arm"], one["arm"])} for one in experts_lines([0.02, 0.03, 0.025])]
    found = {bar.bar: bar.holds for bar in methods_experts.bars(lines, ["mfeat5"])}
    assert {held for bar, held in found.items() if "just after" in bar} == {False}
    assert {held for bar, held in found.items() if "after recovery: lead of gate" in bar} == {True}


def test_the_best_of_several_has_a_wider_interval() -> None:
    values = [0.01, 0.02, 0.04]
    assert interval(values, 2)[1] < interval(values)[1]


def test_magnitude_counts_every_weight_that_gives_or_reads_a_unit() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    layout = Layout.of(survey(model, torch.rand(2, 3)).sites)
    first, last = model[0], model[2]
    expected = first.weight.square().sum(1) + first.bias.square() + last.weight.square().sum(0)
    assert torch.allclose(methods_l0gm.magnitude(model, layout, 0), expected)
    other = Network(0)
    whole = Layout.of(survey(other, example()).sites)
    assert bool((methods_l0gm.magnitude(other, whole, 0) >= 0).all())


def test_the_frontier_has_a_curve_an_arm_and_a_panel_a_data_set() -> None:
    curves = (Curve("ours", ((1.0, 90.0), (0.1, 88.0))), Curve("<chance>", ((1.0, 90.0), (0.1, 80.0))))
    picture = draw([Panel("one", curves), Panel("two", curves)])
    assert picture.count("<circle") == 4
    assert picture.count(">one<") == picture.count(">two<") == picture.count("&lt;chance&gt;") == 1


def pipeline_lines(gain: float, keeps: float) -> list[Line]:
    """Two modalities of 0.7 alone and 0.9 together; dropping adds `gain` to one alone, the alignment term `keeps`."""
    p = methods_pipeline
    alone = {p.ALL: 0.7, p.DROPPED: 0.7 + gain}
    missing = [
        {"task": name, "arm": arm, "model": model, "given": given, "seed": seed, "accuracy": accuracy + seed / 1000}
        for name in ("avmnist", "mfeat5")
        for arm in (p.ALL, p.DROPPED)
        for model in (p.DENSE, p.SMALL)
        for given, accuracy in {"a": alone[arm], "b": alone[arm] - 0.1, "a, b": 0.9}.items()
        for seed in range(3)
    ]
    found = [
        {"task": "emoji", "arm": arm, "model": p.SMALL, "given": "image, text", "seed": seed, "recall_5": recall}
        for arm, recall in {p.FREE: 0.2, p.KEPT: 0.2 + keeps}.items()
        for seed in range(3)
    ]
    return missing + found


@pytest.mark.parametrize(
    ("gain", "keeps", "broken"),
    [
        (0.1, 0.05, ""),
        (-0.01, 0.05, "lead of training with some dropped"),
        (0.1, -0.05, "lead of the alignment term"),
        (0.25, 0.05, "above the best single modality"),
    ],
)
def test_bars_of_pipeline_name_what_does_not_pay(gain: float, keeps: float, broken: str) -> None:
    bars = list(methods_pipeline.bars(pipeline_lines(gain, keeps)))
    assert len(bars) == 7
    failed = [bar.bar for bar in bars if not bar.holds]
    assert bool(failed) is bool(broken)
    assert all(broken in bar for bar in failed)


@pytest.mark.long
@pytest.mark.data
def test_answers_and_retrieval_are_made_at_small_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods_pipeline, "QUICK_ROWS", 80)
    monkeypatch.setattr(methods_pipeline, "QUICK_STEPS", 5)
    small = Setting(tmp_path, (0,), ("questions", "emoji"), quick=True)
    assert methods.table("pipeline").run(small) == 0
    made = read(tmp_path / "methods_pipeline.jsonl")
    models = [line["model"] for line in made if line["given"] == "image, question"]
    assert models == ["dense", "compressed", "dense", "larger teacher", "compressed"]
    assert all(0 <= line["recall_5"] <= 1 for line in made if line["given"] == "image, text")
    assert methods.table("pipeline").run(small) == 0
    assert read(tmp_path / "methods_pipeline.jsonl") == made


@pytest.mark.long
@pytest.mark.data
def test_both_tables_are_made_at_small_scale_and_nothing_is_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods_l0gm, "ARMS", {name: methods_l0gm.ARMS[name] for name in ("progressive", "magnitude")})
    monkeypatch.setattr(methods_l0gm, "QUICK_STEPS", 20)
    monkeypatch.setattr(methods_experts, "QUICK_STEPS", 20)
    monkeypatch.setattr(methods_experts, "WAYS", ("gate", "merge", "random"))
    small = Setting(tmp_path, (0, 1), quick=True)
    assert methods.table("l0gm").run(Setting(tmp_path, (0,), ("cora",), quick=True)) == 0
    rows = json.loads((tmp_path / "methods_l0gm.json").read_text())["rows"]
    assert [(row["arm"], row["fraction"]) for row in rows] == [("dense", 1), ("progressive", 0.25), ("magnitude", 0.25)]
    assert all(row["realised"] == 0.25 for row in rows[1:])
    assert (tmp_path / "methods_l0gm.svg").read_text().startswith("<svg")

    assert methods.table("experts").run(small) == 0
    made = read(tmp_path / "methods_experts.jsonl")
    rows = json.loads((tmp_path / "methods_experts.json").read_text())["rows"]
    assert [row["way"] for row in rows] == ["all", "gate", "merge", "random"]
    assert rows[0]["parameters"] > rows[2]["parameters"] > rows[3]["parameters"]
    assert rows[0]["tflite bytes"] > rows[1]["tflite bytes"]
    assert all(row["onnxruntime ms"] > 0 for row in rows)
    assert methods.table("experts").run(small) == 0
    assert read(tmp_path / "methods_experts.jsonl") == made
