"""The table of one tower: its arms, its bars, and from training to table at small scale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import methods
import methods_limoe
import pytest
from lines import read
from methods_core import Setting

from l0gm_edge.core.network import RouterLosses


def lines(used: float, without: float) -> list[dict[str, Any]]:
    return [
        {"data": "emoji", "seed": 0, "arm": arm, "image used": count, "text used": 8.0}
        for arm, count in (("entropy", used), ("none", without))
    ]


@pytest.mark.parametrize(
    ("used", "without", "holds", "aside"), [(3, 1, True, "1 without losses"), (2, 4, False, "which is no collapse")]
)
def test_a_modality_keeps_several_experts_or_breaks_its_bar(
    used: float, without: float, holds: bool, aside: str
) -> None:
    image, text = methods_limoe.bars(lines(used, without), ["emoji"])
    assert (image.holds, text.holds) == (holds, True)
    assert aside in image.bar
    assert list(methods_limoe.bars(lines(used, without)[:1], ["emoji"])) == []


def test_arms_differ_in_what_is_asked_of_routers_and_the_dense_one_has_none() -> None:
    recipe = methods_limoe.recipe_of("avmnist", 4, quick=True)
    arms = methods_limoe.arms(recipe.moe)
    assert arms["entropy"] == recipe.moe
    assert arms["none"].losses == arms["dense"].losses == RouterLosses()
    assert arms["classic"].losses.load > 0
    assert {name: one.experts for name, one in arms.items()} == {"none": 8, "classic": 8, "entropy": 8, "dense": 1}
    assert recipe.learn.contrastive.probe
    assert recipe.seed == 4


@pytest.mark.long
@pytest.mark.data
def test_the_table_is_made_at_small_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods_limoe, "QUICK_STEPS", 4)
    assert methods.table("limoe").run(Setting(tmp_path, (0,), quick=True)) == 0
    rows = json.loads((tmp_path / "methods_limoe.json").read_text())["rows"]
    assert [(row["arm"], row["modality"]) for row in rows[:2]] == [("none", "image"), ("none", "text")]
    by_arm = {row["arm"]: row for row in rows if row["modality"] == "image"}
    assert by_arm["dense"]["experts used"] is None
    assert by_arm["entropy"]["dropped at 0.5"] >= by_arm["entropy"]["dropped at 1.05"] >= 0
    assert by_arm["none"]["active parameters"] == by_arm["dense"]["active parameters"] + 2 * (64 * 8 + 8)
    made = read(tmp_path / "methods_limoe.jsonl")
    assert all(0 <= line["zero_shot"] <= 1 and line["image by text @5"] >= line["image by text @1"] for line in made)
