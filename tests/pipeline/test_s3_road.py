"""Phases and dropped pairs on the whole road: trained, cut, in both CPU runtimes, told; and resumed within a phase."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_road
from killers import Killed, Killer

from l0gm_edge import pipeline
from l0gm_edge.core import load, store
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.pipeline import learning, run_stage

TOWERS = (
    "model={fusion: towers, tokens: {image: {patch: 4}, table: {patch: 16}}, "
    "transformer: {blocks: 1, heads: 2}, latent: 16}",
    "moe={experts: 4, top_k: 2, hidden: 8, combine: plain, kept_pairs: 0.5}",
    "learn.before=[{objective: specialization, steps: 20}, {objective: selection, steps: 12, trains: [routers]}]",
    "learn.trains=[body, head]",
    "learn.steps=30",
    "gates.target={parameter_fraction: 0.6}",
)


@pytest.mark.long
def test_experts_are_specialised_selected_and_thinned_on_the_way_to_both_runtimes(
    tmp_path: Path, torch_as_it_was: None
) -> None:
    files = tiny_road.write(tmp_path, "onnxruntime", "tflite")
    report = pipeline.run(load.recipe(str(files[0]), TOWERS), load.hardware(str(files[1])), tmp_path / "out")
    assert report.passed
    assert {row.runtime for row in report.artifacts if row.chosen} == {"onnxruntime", "tflite"}
    assert {one.status for one in report.verdicts if one.check in ("parity", "exactness")} == {"PASS"}
    kept = {layer.module: layer.kept_pairs for layer in report.routing.layers if len(layer.experts) > 1}
    assert kept
    assert all(share == pytest.approx(0.5, abs=0.15) for share in kept.values())
    assert (tmp_path / "out" / "learn" / "history-2-selection.json").is_file()
    assert "reach the layer's score threshold" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("torch_as_it_was")
def test_training_ended_within_a_phase_goes_on_to_the_same_bytes(
    files: tuple[Path, Path], hardware: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "rehearse", lambda _: None)  # takes longer than the training
    recipe, whole, ended = load.recipe(str(files[0]), TOWERS), tmp_path / "whole", tmp_path / "ended"
    for folder in (whole, ended):
        begin(recipe, hardware, folder)
    run_stage(whole, "recover")
    for course, steps in [("1-specialization", 13), ("2-selection", 7), ("dense", 11), ("gated", 9)]:
        with pytest.raises(Killed):
            run_stage(ended, "recover", progress=Killer(course, steps))
    run_stage(ended, "recover")
    for stage in ("learn", "prune", "recover"):
        records = [store.RunFolder(folder).record(stage) for folder in (whole, ended)]
        assert records[0] is not None
        assert records[1] is not None
        assert records[0].files == records[1].files
        assert not [name for name in records[0].files if "checkpoint" in name]


def begin(recipe: Recipe, hardware: HardwareProfile, folder: Path) -> None:
    """A run folder in which nothing is made yet."""
    store.write_value(folder / "recipe.json", recipe)
    store.write_value(folder / "hardware.json", hardware)


def test_a_phase_that_does_not_fit_is_refused_before_anything_is_trained(
    files: tuple[Path, Path], hardware: HardwareProfile, tmp_path: Path
) -> None:
    recipe = load.recipe(str(files[0]), [*TOWERS, "moe={experts: 1, top_k: 1}"])
    with pytest.raises(RecipeError, match=r"learn.before, phase 2-selection: the model has no routers to train"):
        pipeline.run(recipe, hardware, tmp_path / "out")
    assert not (tmp_path / "out" / "learn").exists()
