"""How experts are spent, against routers whose choices are known."""

from __future__ import annotations

import numpy as np
import pytest
import token_models
import torch

from l0gm_edge.core.dataset import Split
from l0gm_edge.learn.spending import spending


def rows(n: int) -> Split:
    return Split({name: values.numpy() for name, values in token_models.example(n).items()}, np.zeros(n, np.int64))


@pytest.mark.parametrize("name", ["early", "tower"])
def test_routers_that_know_one_expert_use_it_alone_and_drop_what_it_has_no_room_for(name: str) -> None:
    model = token_models.model(token_models.recipe(name))
    with torch.no_grad():
        for block in model.trunk.blocks:
            block.feed_forward.router.weight.zero_()
            block.feed_forward.router.bias.copy_(torch.tensor([0.0, 50.0, 0.0, 0.0]))
    found = spending(model, rows(16), 8, (1.0, 4.0))
    assert len(found) == 2 * 3
    for one in found:
        assert one.share == (0, 1, 0, 0)
        assert one.used == 1
        assert one.entropy == pytest.approx(0, abs=1e-6)
        assert one.dropped[4.0] == 0
    tokens = {"audio": 6, "image": 4, "words": 4}  # two of six words pad
    lost = sum(one.dropped[1.0] * tokens[one.modality] for one in found if one.layer.startswith("trunk.blocks.0"))
    assert lost / 14 == pytest.approx(0.75)  # of 4 experts


def test_a_layer_without_a_router_spends_nothing() -> None:
    assert spending(token_models.model(token_models.recipe("early", experts=1)), rows(4), 4, (1.0,)) == ()
