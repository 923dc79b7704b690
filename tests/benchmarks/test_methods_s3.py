"""Table s3: what a curve over the share of pairs is called, what validation chooses, the head, and a table at small
scale."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import methods
import methods_s3
import numpy as np
import pytest
import token_models
import torch
from lines import read
from methods_core import Setting

from l0gm_edge.core.dataset import Split
from l0gm_edge.learn import evaluate

Line = dict[str, Any]


def curve(*accuracies: float, spread: float = 0.001) -> list[Line]:
    """Three seeds, from p = 1 downwards."""
    return [
        {"seed": seed, "share": share, "accuracy": value + spread * (seed * (number + 1) % 3)}
        for number, (share, value) in enumerate(zip(methods_s3.SHARES, accuracies, strict=True))
        for seed in range(3)
    ]


@pytest.mark.parametrize(
    ("accuracies", "told"),
    [
        ((0.90, 0.92, 0.95, 0.93, 0.91, 0.90), "inverted U, peak at 0.5"),
        ((0.90, 0.90, 0.90, 0.90, 0.90, 0.90), "flat"),
        ((0.95, 0.94, 0.93, 0.92, 0.90, 0.80), "falls with p"),
        ((0.80, 0.85, 0.88, 0.90, 0.92, 0.95), "rises as p falls"),
    ],
)
def test_a_curve_is_called_what_it_is(accuracies: tuple[float, ...], told: str) -> None:
    assert methods_s3.shape(curve(*accuracies)) == told


def test_a_curve_within_the_spread_of_the_seeds_is_flat() -> None:
    assert methods_s3.shape(curve(0.90, 0.905, 0.91, 0.905, 0.90, 0.90, spread=0.05)) == "flat"
    assert methods_s3.shape([one for one in curve(*[0.9] * 6) if one["share"] == 1.0]) == ""


def test_of_a_single_seed_nothing_is_said_and_of_a_shorter_curve_what_there_is() -> None:
    humped = curve(0.90, 0.92, 0.95, 0.93, 0.91, 0.90)
    assert methods_s3.shape([one for one in humped if one["seed"] == 0]) == ""
    assert methods_s3.shape([one for one in humped if one["share"] >= 0.3]) == "inverted U, peak at 0.5"


def test_validation_chooses_for_every_seed_and_of_equals_what_drops_most() -> None:
    validation = {(0, 1.0): 0.9, (0, 0.5): 0.95, (0, 0.3): 0.95, (1, 1.0): 0.9, (1, 0.5): 0.8, (1, 0.3): 0.8}
    lines = [{"seed": s, "share": p, "validation_accuracy": value} for (s, p), value in validation.items()]
    assert [(line["seed"], line["share"]) for line in methods_s3.chosen(lines)] == [(0, 0.3), (1, 1.0)]


def test_tensors_that_changed_are_named_unless_they_are_routers_or_thresholds() -> None:
    before = token_models.model(token_models.recipe("towers"))
    after = copy.deepcopy(before)
    with torch.no_grad():
        after.towers["image"].trunk.blocks[0].feed_forward.router.weight += 1
    assert methods_s3.others_changed(before, after) == []
    with torch.no_grad():
        after.towers["image"].interface.bias[0] += 1e-7
    assert methods_s3.others_changed(before, after) == ["towers.image.interface.bias"]


def test_the_head_is_fitted_and_nothing_else() -> None:
    model = token_models.model(token_models.recipe("towers")).eval()
    inputs = {name: values.numpy() for name, values in token_models.example(60).items()}
    labels = (inputs["image"].mean((1, 2, 3)) > 0).astype(np.int64)
    frozen = copy.deepcopy(model)
    methods_s3.fit_head(model, Split(inputs, labels))
    found = evaluate.logits(model, Split(inputs, labels)).argmax(1)
    assert (found == labels).mean() > 0.9
    assert set(methods_s3.others_changed(frozen, model)) == {"head.weight", "head.bias"}


def test_bars_break_on_a_changed_tensor_and_on_a_row_that_depends_on_others() -> None:
    sound = {"granularity": 1, "changed": 0, "apart": 1e-7, "router_share": 0.01}
    assert all(bar.holds for bar in methods_s3.bars([sound]))
    for wrong in ({"changed": 1}, {"apart": 0.1}, {"router_share": 0.2}):
        assert [bar.holds for bar in methods_s3.bars([sound, sound | wrong])].count(False) == 1


@pytest.mark.long
@pytest.mark.data
def test_the_table_is_made_at_small_scale_and_nothing_is_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods_s3, "QUICK_GRANULARITIES", (2,))
    small = Setting(tmp_path, (0,), quick=True)
    assert methods.table("s3").run(small) == 0
    rows = json.loads((tmp_path / "methods_s3.json").read_text())["rows"]
    arms = [(row["arm"], row["p"]) for row in rows]
    assert arms[:-1] == [(arm, share) for arm in methods_s3.ARMS for share in methods_s3.QUICK_SHARES]
    assert arms[-1][0] == methods_s3.CHOSEN
    assert all(abs(row["kept on test"] - row["p"]) < 0.1 for row in rows[:-1])
    made = read(tmp_path / "methods_s3.jsonl")
    (checks,) = [line for line in made if line["arm"] == methods_s3.CHECKS]
    assert checks["changed"] == 0
    assert checks["apart"] < methods_s3.AGREES
    assert methods.table("s3").run(small) == 0
    assert read(tmp_path / "methods_s3.jsonl") == made
