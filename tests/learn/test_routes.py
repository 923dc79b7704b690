"""Router logits as passes go by: of tokens that are there, of every router, and of the last pass."""

from __future__ import annotations

import fusion_models
import token_models
import torch

from l0gm_edge.core.network import Awareness
from l0gm_edge.learn import routes


def test_tokens_that_pad_are_left_out_in_every_tower() -> None:
    model, inputs = token_models.model(token_models.recipe("towers")), token_models.example(3)
    with routes.recorded(model) as found:
        model(**inputs)
    assert {path.split(".")[1]: len(logits) for path, logits in found.items()} == {
        "audio": 3 * 6,
        "image": 3 * 4,
        "words": 3 * 4,  # of six
    }
    assert len(found) == 6
    assert all(logits.shape[1] == 4 for logits in found.values())


def test_where_there_are_no_tokens_every_row_counts_and_the_last_pass_stays() -> None:
    model = fusion_models.model(fusion_models.recipe())
    with routes.recorded(model) as found:
        model(**fusion_models.example(2))
        inputs = fusion_models.example(5)
        model(**inputs)
    (logits,) = found.values()
    assert list(found) == ["moe.router"]
    assert logits.shape == (5, 4)
    logits.sum().backward()
    assert model.moe.router.weight.grad is not None
    model(**fusion_models.example(7))
    assert len(found["moe.router"]) == 5, "nothing is seen once it is over"


def test_early_fusion_counts_the_tokens_of_all_modalities() -> None:
    model = token_models.model(token_models.recipe("early")).eval()
    with torch.no_grad(), routes.recorded(model) as found:
        model(**token_models.example(3))
    assert {len(logits) for logits in found.values()} == {3 * (6 + 4 + 4)}


def test_experts_of_one_modality_see_its_tokens_alone() -> None:
    config = token_models.recipe("early", experts=6)
    assert config.moe is not None
    aware = config.model_copy(update={"moe": config.moe.model_copy(update={"routing": Awareness.AWARE})})
    model = token_models.model(aware).eval()
    with torch.no_grad(), routes.recorded(model) as found:
        model(**token_models.example(3))
    seen = {path.split(".")[-2]: len(logits) for path, logits in found.items()}
    assert seen == {"audio": 3 * 6, "image": 3 * 4, "words": 3 * 4}
