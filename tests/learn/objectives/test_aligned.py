"""Modalities that find each other: what counts in the loss, and that they do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.network import Encoder, Model, MoE
from l0gm_edge.core.recipe import Data, Gates, Learn, Recipe, Target
from l0gm_edge.core.scores import recall_at
from l0gm_edge.learn import losses
from l0gm_edge.learn.distill import tapped
from l0gm_edge.learn.objectives import plugin
from l0gm_edge.learn.objectives.aligned import SCALE
from l0gm_edge.models import fusion

SHAPES = {"left": (6,), "right": (8,)}
PATHS = ("encoders.left.interface", "encoders.right.interface")
LEARN = Learn(steps=1, align_weight=0.7)


def model(kind: str = "shared", out: tuple[int, int] = (5, 5)) -> fusion.Network:
    torch.manual_seed(0)
    encoders = {
        name: Encoder(encoder="tabular", widths=(16,), out=width) for name, width in zip(SHAPES, out, strict=True)
    }
    recipe = Recipe(
        name="pairs",
        data=Data(name="made_up"),
        model=Model(fusion=kind, encoders=encoders, latent=8),
        moe=MoE(experts=1, top_k=1, hidden=4),
        gates=Gates(target=Target(active_fraction=0.5)),
        learn=LEARN,
    )
    return fusion.build(recipe, SHAPES, 3)


def rows(n: int) -> dict[str, Tensor]:
    """Two views of the same hidden numbers."""
    hidden = torch.randn(n, 4)
    return {name: hidden @ torch.randn(4, *shape) for name, shape in SHAPES.items()}


def test_it_is_the_classes_and_what_tells_pairs_apart() -> None:
    net, inputs, labels = model(), rows(9), torch.arange(9) % 3
    with tapped(net, PATHS) as seen:
        logits = net(**inputs)
    found, given = plugin("aligned").loss(net, inputs, labels, LEARN)
    apart = losses.info_nce(seen[PATHS[0]], seen[PATHS[1]], SCALE)
    assert found.item() == pytest.approx((losses.classification(logits, labels, 0.0) + 0.7 * apart).item(), rel=1e-5)
    assert torch.equal(given, logits)


def test_a_row_without_a_modality_is_in_no_pair() -> None:
    net, inputs, labels = model().eval(), rows(9), torch.arange(9) % 3
    inputs["left"][6:] = 0
    whole, _ = plugin("aligned").loss(net, inputs, labels, LEARN)
    pairs = {name: values[:6] for name, values in inputs.items()}
    few, _ = plugin("aligned").loss(net, pairs, labels[:6], LEARN)
    classes = [losses.classification(net(**given), labels[: len(given["left"])], 0.0) for given in (inputs, pairs)]
    assert (whole - classes[0]).item() == pytest.approx((few - classes[1]).item(), rel=1e-5)
    alone, _ = plugin("aligned").loss(net, inputs | {"right": torch.zeros(9, 8)}, labels, LEARN)
    assert torch.isfinite(alone)


def test_modalities_without_a_common_space_are_refused() -> None:
    with pytest.raises(RecipeError, match="in a space that they share"):
        plugin("aligned").loss(model("late", (5, 6)), rows(4), torch.zeros(4, dtype=torch.int64), LEARN)


def test_trained_by_it_the_modalities_find_each_other() -> None:
    net, inputs, labels = model(), rows(64), torch.arange(64) % 3
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

    def recall() -> float:
        with torch.no_grad(), tapped(net, PATHS) as seen:
            net(**inputs)
        return recall_at(*(np.asarray(seen[path]) for path in PATHS), 1)

    before = recall()
    for _ in range(150):
        loss, _ = plugin("aligned").loss(net, inputs, labels, LEARN)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert before < 0.2
    assert recall() > 0.8
