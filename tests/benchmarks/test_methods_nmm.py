"""The table of native multimodal models: what is equal in it, laws, bars, and all of it at small scale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import methods
import methods_nmm as subject
import numpy as np
import pytest
from lines import read
from methods_core import Setting
from scaling import law

from l0gm_edge.core.dataset import Dataset, Split
from l0gm_edge.models import fusion
from l0gm_edge.models.moe import MoE

Line = dict[str, Any]
SHAPES = {"audio": (1, 32, 32), "image": (1, 28, 28)}


def rows(n: int = 3) -> Split:
    return Split({name: np.zeros((n, *shape), np.float32) for name, shape in SHAPES.items()}, np.zeros(n, np.int64))


DATA = Dataset("avmnist", SHAPES, tuple("0123456789"), rows(), rows(), rows(), rows())


def built(arm: str, size: str) -> tuple[fusion.Network, subject.Shape]:
    dense = subject.Shape(subject.SIZES[size], 2 * subject.SIZES[size])
    names = tuple(SHAPES)
    target = subject.active(fusion.build(subject.recipe_of("avmnist", subject.DENSE, dense, 0, names), SHAPES, 10))
    shape = subject.fitted("avmnist", arm, size, target, DATA)
    return fusion.build(subject.recipe_of("avmnist", arm, shape, 0, names), SHAPES, 10), shape


@pytest.mark.parametrize("size", subject.SIZES)
def test_arms_have_the_same_active_parameters(size: str) -> None:
    counts = [subject.active(built(arm, size)[0]) for arm in subject.ARMS]
    assert max(counts) / min(counts) < 1.02
    assert built(subject.DENSE, size)[1] == subject.Shape(subject.SIZES[size], 2 * subject.SIZES[size])
    assert built(subject.LATE, size)[1].latent < subject.SIZES[size]


@pytest.mark.parametrize("arm", [subject.AGNOSTIC, subject.AWARE])
def test_what_a_token_does_not_go_through_is_not_active(arm: str) -> None:
    model, shape = built(arm, "small")
    w, h, experts = shape.latent, shape.hidden, 8 if arm == subject.AGNOSTIC else 4
    layer = experts * (w + 1) + (w + 1) * h + (h + 1) * w
    moes = [one for one in model.modules() if isinstance(one, MoE)]
    outside = sum(p.numel() for p in model.parameters()) - sum(p.numel() for one in moes for p in one.parameters())
    assert subject.active(model) == outside + 2 * layer


def test_multiply_adds_are_those_of_the_experts_in_use_and_of_attention() -> None:
    model, shape = built(subject.AGNOSTIC, "small")
    w, h, tokens = shape.latent, shape.hidden, 32
    block = tokens * (4 * w * w + 8 * w + 2 * w * h) + 2 * tokens**2 * w
    assert subject.macs(model, DATA) == 16 * (64 + 49) * w + 2 * block + 10 * w


def test_a_modality_alone_is_the_same_rows() -> None:
    alone = subject.only(DATA, "image")
    assert (dict(alone.shapes), set(alone.test.inputs)) == ({"image": (1, 28, 28)}, {"image"})
    assert alone.test.inputs["image"] is DATA.test.inputs["image"]


def test_a_law_is_found_again_with_its_interval() -> None:
    scales = [1e3, 1e4, 1e5] * 3
    seeds = [seed for seed in range(3) for _ in range(3)]
    found = law(scales, [5 * scale**-0.3 * (1 + 0.05 * seed) for scale, seed in zip(scales, seeds, strict=True)], seeds)
    assert found.exponent == pytest.approx(0.3)
    assert found.low == pytest.approx(0.3, abs=1e-6)
    assert found.high == pytest.approx(0.3, abs=1e-6)
    tilted = law(scales, [scale ** -(0.3 + 0.1 * seed) for scale, seed in zip(scales, seeds, strict=True)], seeds)
    assert tilted.low == pytest.approx(0.3, abs=1e-6)
    assert tilted.high == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("scale", "values", "seeds"),
    [([1, 1], [1, 2], [0, 1]), ([1, 2], [1, 2], [0, 0]), ([1, 2], [0, 2], [0, 1])],
)
def test_there_is_no_law_through_one_scale_one_seed_or_an_error_of_0(
    scale: list[float], values: list[float], seeds: list[int]
) -> None:
    assert law(scale, values, seeds) is None


def line(arm: str, size: str, seed: int, accuracy: float) -> Line:
    figures = {"accuracy": accuracy, "validation_accuracy": accuracy, "nll": 1 - accuracy, "ece": 0.1}
    shape = {"latent": 16, "hidden": 32, "active": 100, "parameters": 200, "macs": 10, "steps": 5, "samples": 320}
    told = {"specialization": "[0.25, 0.5]" if arm == subject.AGNOSTIC else "[]", "ece_scaled": 0.1}
    return {"data": "avmnist", "size": size, "arm": arm, "seed": seed} | figures | shape | told


def lines(lead: float, alone: float) -> list[Line]:
    of = {subject.DENSE: 0.9, subject.AGNOSTIC: 0.9 + lead, "audio alone": alone, "image alone": alone - 0.1}
    return [
        line(arm, size, seed, accuracy + 0.001 * seed)
        for size in subject.SIZES
        for seed in range(3)
        for arm, accuracy in of.items()
    ]


def test_bars_hold_where_experts_lead_and_all_together_beat_the_best_alone() -> None:
    found = list(subject.bars(lines(0.01, 0.8), ["avmnist"]))
    assert len(found) == 2 + 4
    assert all(bar.holds for bar in found)
    assert all("over audio alone" in bar.bar for bar in found[:2])
    assert found[2].value == pytest.approx(1)


def test_bars_break_where_experts_are_behind_or_one_modality_does_as_well() -> None:
    assert [bar.holds for bar in subject.bars(lines(-0.01, 0.895), ["avmnist"])] == [True, False] + [False] * 4


def test_the_table_has_a_row_a_size_and_arm_and_specialization_by_layer() -> None:
    found = list(subject.rows_of(lines(0.01, 0.8)))
    assert [(row["size"], row["arm"]) for row in found[:2]] == [("small", subject.DENSE), ("small", subject.AGNOSTIC)]
    assert found[1]["specialization by layer"] == "0.250, 0.500"
    assert found[1]["lead over early, dense"] == "+1.0 ± 0.0"
    assert len(found) == 3 * 4


@pytest.mark.long
@pytest.mark.data
def test_it_is_made_at_small_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "QUICK_STEPS", 4)
    monkeypatch.setattr(subject, "QUICK_SIZES", ("small",))
    assert methods.table("nmm").run(Setting(tmp_path, (0, 1), quick=True)) == 0
    made = read(tmp_path / "methods_nmm.jsonl")
    assert [one["arm"] for one in made] == 2 * [
        *subject.ARMS,
        *(f"{view} alone" for view in subject.TASKS["mfeat5"].patches),
    ]
    assert (
        json.loads(made[3]["specialization"]) == [None] * 6
    )  # three of five modalities have two experts, in two blocks
    of = {one["arm"]: one for one in made}
    compute = {arm: of[arm]["macs"] * of[arm]["steps"] for arm in subject.ARMS}
    assert max(compute.values()) / min(compute.values()) < 1.2
    assert methods.table("nmm").run(Setting(tmp_path, (0, 1), quick=True)) == 0
    assert read(tmp_path / "methods_nmm.jsonl") == made
