"""One tower: what a modality's place depends on, one queue for all, and what its recipe may ask of routers."""

from __future__ import annotations

import pytest
import token_models
import torch

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.network import MoE, RouterLosses
from l0gm_edge.models import fusion


def tower(**moe: object) -> fusion.Network:
    config = token_models.recipe("tower")
    settings = MoE(experts=4, top_k=1, hidden=12, combine="plain", **moe)
    return token_models.model(config.model_copy(update={"moe": settings}))


def test_a_place_depends_on_its_own_modality_alone() -> None:
    model = tower().eval()
    inputs, other = token_models.example(3), token_models.example(3, seed=1)
    places = model.places(**inputs)
    assert places.shape == (3, 3, 16)
    for at, name in enumerate(model.names):
        moved = (model.places(**inputs | {name: other[name]}) - places).abs().amax((0, 2)) > 1e-5
        assert moved.tolist() == [place == at for place in range(3)]


def test_places_have_mean_square_one_and_the_head_reads_their_mean() -> None:
    model = tower().eval()
    inputs = token_models.example(3)
    places = model.places(**inputs)
    torch.testing.assert_close(places.square().mean(-1), torch.ones(3, 3), rtol=1e-3, atol=0)
    torch.testing.assert_close(model(**inputs), model.head(places.mean(1)))


def test_a_row_without_words_is_placed_all_the_same() -> None:
    model = tower().eval()
    inputs = token_models.example(2)
    silent = inputs | {"words": torch.zeros_like(inputs["words"])}
    assert bool(torch.isfinite(model(**silent)).all())
    torch.testing.assert_close(model.places(**silent)[:, :2], model.places(**inputs)[:, :2])


def test_modalities_queue_for_experts_together() -> None:
    model = tower(capacity=0.25).train()
    layer = model.trunk.blocks[0].feed_forward
    for block in model.trunk.blocks:
        torch.nn.init.zeros_(block.feed_forward.router.weight)
        block.feed_forward.router.bias.data = torch.tensor([3.0, 0.0, 0.0, 0.0])
    given: list[torch.Tensor] = []
    layer.register_forward_hook(lambda _module, _args, out: given.append(out))
    model(**token_models.example(8))
    (out,) = given
    present = 8 * (6 + 4 + 4)  # audio, image, and the words that do not pad
    assert int(out.ne(0).any(-1).sum()) == -(-present // 64) * 4  # a sixteenth, in fours: one expert's room


@pytest.mark.parametrize(("name", "which"), [("tower", "smell"), ("late", "image")])
def test_entropy_is_asked_of_modalities_whose_tokens_experts_see(name: str, which: str) -> None:
    import fusion_models

    source = fusion_models if name == "late" else token_models
    config = source.recipe() if name == "late" else source.recipe(name)
    losses = RouterLosses(local_entropy={which: 0.1})
    with pytest.raises(RecipeError, match=rf"moe\.losses: entropy of '{which}'"):
        source.model(config.model_copy(update={"moe": config.moe.model_copy(update={"losses": losses})}))
