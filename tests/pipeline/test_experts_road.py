"""Fewer experts on the whole road: merged ones run in both CPU runtimes, and the report names them."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_road

from l0gm_edge import pipeline
from l0gm_edge.core import load, store
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.core.recipe import SiteKind


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "options"),
    [
        ("merge", []),
        pytest.param("gate", ["gates.target={parameter_fraction: 0.4}"], marks=pytest.mark.long),
    ],
)
def test_fewer_experts_go_from_the_recipe_to_both_runtimes(
    by: str, options: list[str], tmp_path: Path, torch_as_it_was: None
) -> None:
    files = tiny_road.write(tmp_path, "onnxruntime", "tflite")
    settings = [*options, f"prune.experts={{keep: 2, by: {by}}}", "moe.experts=5", "learn.steps=20"]
    recipe = load.recipe(str(files[0]), settings)
    report = pipeline.run(recipe, load.hardware(str(files[1])), tmp_path / "out")
    plan = store.read_value(PrunePlan, tmp_path / "out" / "prune" / "plan.json")
    assert report.passed
    assert {row.runtime for row in report.artifacts if row.chosen} == {"onnxruntime", "tflite"}
    assert report.experts == plan.experts
    assert (report.experts[0].by, len(report.experts[0].kept)) == (by, 2)
    (layer,) = report.routing.layers
    assert layer.experts == tuple(f"expert {'+'.join(map(str, group))}" for group in plan.experts[0].kept)
    assert all(sum(shares) == pytest.approx(1) for shares in layer.share)
    (experts,) = [site for site in plan.sites if site.kind is SiteKind.EXPERTS]
    assert (len(experts.keep), experts.width) == (2, 5)
    merged = any(len(group) > 1 for group in plan.experts[0].kept)
    assert merged is (by == "merge")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"chosen by <code>{by}</code>" in page


AWARE = (
    "model={fusion: early, tokens: {image: {patch: 4}, table: {patch: 10}}, transformer: {blocks: 2, heads: 2},"
    " latent: 16}",
    "moe={experts: 5, top_k: 1, hidden: 8, combine: plain, routing: aware}",
    "gates.sites=[width, hidden, heads, experts]",
)


@pytest.mark.long
def test_experts_of_one_modality_each_go_the_whole_road_too(tmp_path: Path, torch_as_it_was: None) -> None:
    files = tiny_road.write(tmp_path, "onnxruntime", "tflite")
    recipe = load.recipe(str(files[0]), [*AWARE, "prune.experts={keep: 2, by: merge}", "learn.steps=20"])
    report = pipeline.run(recipe, load.hardware(str(files[1])), tmp_path / "out")
    assert report.passed
    assert {row.runtime for row in report.artifacts if row.chosen} == {"onnxruntime", "tflite"}
    layers = {layer.module: layer for layer in report.routing.layers}
    assert [(layer.rows, len(layer.experts)) for layer in layers.values()] == 2 * [(("image",), 2), (("table",), 2)]
    merged = {cut.module: cut.kept for cut in report.experts}
    assert all(
        layer.experts == tuple(f"expert {'+'.join(map(str, group))}" for group in merged[path])
        for path, layer in layers.items()
        if path in merged
    )
    assert "trunk.blocks.1.feed_forward.table" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
