"""How experts are spent: by rows that read every modality at once, by tokens, and by towers."""

from __future__ import annotations

import fusion_models
import numpy as np
import pytest
import token_models
import torch
from torch import Tensor, nn

from l0gm_edge.core.dataset import Split
from l0gm_edge.core.network import Awareness
from l0gm_edge.core.report import LayerRouting
from l0gm_edge.core.specialization import specialization
from l0gm_edge.learn import routing as subject
from l0gm_edge.models.moe import MoE

TOGETHER = "all together"


def numbered(_: str, count: int) -> list[str]:
    return [f"expert {expert}" for expert in range(count)]


def split(inputs: dict[str, Tensor]) -> Split:
    values = {name: one.numpy() for name, one in inputs.items()}
    return Split(values, np.zeros(len(values["image"]), np.int64))


def told(model: nn.Module, rows: Split) -> dict[str, LayerRouting]:
    layers = subject.routing(model, rows, numbered).layers
    for layer in layers:
        assert all(sum(share) == pytest.approx(1, abs=1e-5) for share in layer.share)
    return {layer.module: layer for layer in layers}


def test_a_layer_on_the_shared_latent_is_shown_every_modality_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model, rows = fusion_models.model(fusion_models.recipe()), fusion_models.rows()
    (layer,) = told(model, rows).values()
    assert (layer.module, layer.by_tokens) == ("moe", False)
    assert layer.rows == (*(f"{name} alone" for name in rows.inputs), TOGETHER)
    assert layer.experts == tuple(numbered("", 4))
    assert layer.specialization == specialization(layer.share[:-1])
    inputs = {name: torch.from_numpy(values) for name, values in rows.inputs.items()}
    with torch.no_grad():
        expected = model.moe.weights(model.eval().latent(**inputs)).mean(0)
    assert layer.share[-1] == pytest.approx(expected.tolist(), abs=1e-5)
    monkeypatch.setattr(subject, "ROWS", 7)
    assert told(model, rows)["moe"].share[0] == pytest.approx(layer.share[0], abs=1e-5)
    model.moe.keep_units((1,))
    assert told(model, rows)["moe"].share == ((1.0,),) * 4


def test_tokens_are_averaged_by_modality_and_padding_does_not_count() -> None:
    model, inputs = token_models.model(token_models.recipe("early")).eval(), token_models.example(20)
    layers = told(model, split(inputs))
    assert list(layers) == [f"trunk.blocks.{block}.feed_forward" for block in range(2)]
    read: list[Tensor] = []
    hook = model.trunk.blocks[1].feed_forward.register_forward_pre_hook(lambda _, args: read.append(args[0]))
    with torch.no_grad():
        model(**inputs)
        hook.remove()
        chosen = model.trunk.blocks[1].feed_forward.router(read[0]).argmax(-1)
    spans = {"audio": slice(0, 6), "image": slice(6, 10), "words": slice(10, 14)}  # the last two words are padding
    found = layers["trunk.blocks.1.feed_forward"]
    assert (found.by_tokens, found.rows) == (True, (*spans, TOGETHER))
    for share, span in zip(found.share, (*spans.values(), slice(0, 14)), strict=True):
        part = chosen[:, span]
        assert share == pytest.approx([float((part == expert).float().mean()) for expert in range(4)], abs=1e-6)
    assert found.specialization == specialization(found.share[:-1])


def test_experts_of_one_modality_are_told_of_that_one_alone() -> None:
    config = token_models.recipe("early", experts=6)
    aware = config.model_copy(update={"moe": config.moe.model_copy(update={"routing": Awareness.AWARE})})
    for made, path in (
        (token_models.model(aware), "trunk.blocks.{block}.feed_forward.{name}"),
        (token_models.model(token_models.recipe("towers")), "towers.{name}.trunk.blocks.{block}.feed_forward"),
    ):
        layers = told(made, split(token_models.example(9)))
        for block in range(2):
            for name in token_models.SHAPES:
                layer = layers[path.format(block=block, name=name)]
                assert (layer.rows, layer.by_tokens, layer.specialization) == ((name,), True, None)


def test_a_network_of_ones_own_is_shown_every_modality_alone_too() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.refine = MoE(3, 4, 2, 1)

        def forward(self, image: Tensor, table: Tensor) -> Tensor:
            return self.refine(torch.stack([image, table], dim=1)).mean(1)

    rows = split({"image": torch.randn(8, 3), "table": torch.randn(8, 3)})
    model = Own().train()
    (layer,) = told(model, rows).values()
    assert (layer.by_tokens, layer.rows) == (False, ("image alone", "table alone", TOGETHER))
    assert model.training
    assert subject.routing(nn.Linear(2, 2), rows, numbered).layers == ()
