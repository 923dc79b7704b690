"""Router logits as passes go by: of tokens that are there, of every router, and of the last pass."""

from __future__ import annotations

import fusion_models
import pytest
import token_models
import torch

from l0gm_edge.core.network import Awareness
from l0gm_edge.learn import routes


def test_tokens_that_pad_are_left_out_in_every_tower() -> None:
    model, inputs = token_models.model(token_models.recipe("towers")), token_models.example(3)
    with routes.recorded(model, inputs) as found:
        model(**inputs)
    assert {path.split(".")[1]: len(logits) for path, logits in found.items()} == {
        "audio": 3 * 6,
        "image": 3 * 4,
        "words": 3 * 4,  # of six
    }
    assert len(found) == 6
    assert all(logits.shape[1] == 4 for logits in found.values())


def test_where_there_are_no_tokens_every_row_counts_with_its_gradient() -> None:
    model, inputs = fusion_models.model(fusion_models.recipe()), fusion_models.example(5)
    with routes.recorded(model, inputs) as found:
        model(**inputs)
    (logits,) = found.values()
    assert list(found) == ["moe"]
    assert logits.shape == (5, 4)
    logits.sum().backward()
    assert model.moe.router.weight.grad is not None
    model(**fusion_models.example(7))
    assert len(found["moe"]) == 5, "nothing is seen once it is over"


@pytest.mark.parametrize("routing", Awareness)
def test_early_fusion_counts_the_tokens_of_all_modalities_or_of_each(routing: Awareness) -> None:
    config, inputs = token_models.recipe("early"), token_models.example(3)
    config = config.model_copy(update={"moe": config.moe.model_copy(update={"routing": routing, "experts": 6})})
    model = token_models.model(config).eval()
    with torch.no_grad(), routes.recorded(model, inputs) as found:
        model(**inputs)
    counts = {len(logits) for logits in found.values()}
    assert counts == ({3 * (6 + 4 + 4)} if routing is Awareness.AGNOSTIC else {3 * 6, 3 * 4})
    assert len(found) == (2 if routing is Awareness.AGNOSTIC else 6)
