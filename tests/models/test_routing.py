"""Experts a modality: who gets how many, that tokens stay among their own, the exact cut, and what is refused."""

from __future__ import annotations

import pytest
import token_models
import torch
from torch import nn

from l0gm_edge.core import network
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.experts import Experts
from l0gm_edge.core.network import Awareness
from l0gm_edge.core.recipe import Recipe, SiteKind, Target
from l0gm_edge.gates.session import Session
from l0gm_edge.models.moe import MoE
from l0gm_edge.models.routing import is_aware, layer
from l0gm_edge.prune import reduce
from l0gm_edge.prune.cut import replay
from l0gm_edge.prune.prune import prune

COUNTS = {"audio": 2, "image": 3, "words": 1}


def settings(experts: int, top_k: int = 1) -> network.MoE:
    return network.MoE(experts=experts, top_k=top_k, hidden=5, routing="aware")


def aware(name: str = "early", target: Target | None = None, experts: int = 7) -> Recipe:
    config = token_models.recipe(name, target, experts=experts)
    return config.model_copy(update={"moe": config.moe.model_copy(update={"routing": Awareness.AWARE})})


def test_experts_are_divided_and_the_first_modalities_get_what_is_over() -> None:
    made = layer(8, settings(8), COUNTS)
    assert {name: len(one.experts) for name, one in made.items()} == {"audio": 3, "image": 3, "words": 2}
    assert isinstance(layer(8, settings(8).model_copy(update={"routing": Awareness.AGNOSTIC}), COUNTS), MoE)


def test_every_modalitys_tokens_go_through_its_own_experts() -> None:
    torch.manual_seed(0)
    made = layer(8, settings(6), COUNTS).eval()
    x = torch.randn(4, 6, 8)
    audio, image, words = x[:, :2], x[:, 2:5], x[:, 5:]
    expected = torch.cat([made["audio"](audio), made["image"](image), made["words"](words)], dim=1)
    assert torch.equal(made(x), expected)


@pytest.mark.parametrize(("experts", "top_k", "least"), [(2, 1, 3), (5, 2, 6)])
def test_too_few_experts_for_the_modalities_are_refused(experts: int, top_k: int, least: int) -> None:
    with pytest.raises(RecipeError, match=f"moe.experts: found {experts} for 3 modalities") as refused:
        layer(8, settings(experts, top_k), COUNTS)
    assert f"at least {least}" in refused.value.allowed


def test_a_fusion_that_keeps_modalities_apart_anyway_refuses_to_be_aware_of_them() -> None:
    with pytest.raises(RecipeError, match=r"moe\.routing: 'aware' with model\.fusion 'towers'") as refused:
        token_models.model(aware("towers"))
    assert refused.value.allowed.startswith("agnostic")
    assert is_aware(token_models.model(aware()))


def cut(config: Recipe) -> tuple[nn.Module, nn.Module, reduce.Pruned]:
    model = token_models.model(config)
    session = Session(model, token_models.example(), config.gates, {}, model.interface_layers())
    session.begin(1)
    model.train()(**token_models.example(8)).square().mean().backward()
    session.step(torch.optim.AdamW(model.parameters(), lr=1e-3))
    return model, session, prune(model, session, token_models.example(16, seed=1), "", config.seed)


def test_its_cut_is_exact_and_replayed_by_the_plan() -> None:
    config = aware(target=Target(parameter_fraction=0.4))
    _, session, found = cut(config)
    kinds = {site.kind for site in session.base_layout.sites}
    assert kinds >= {SiteKind.WIDTH, SiteKind.HEADS, SiteKind.HIDDEN, SiteKind.EXPERTS, SiteKind.BLOCKS}
    assert found.exactness.worst <= 1e-5
    assert found.plan.parameters_after <= 0.4 * found.plan.parameters_before
    again = replay(token_models.model(config), found.plan)
    again.load_state_dict(found.model.state_dict())
    inputs = token_models.example(5)
    assert torch.equal(again.eval()(**inputs), found.model.eval()(**inputs))


@pytest.mark.parametrize("by", ["reap", "merge", "enumerate"])
def test_fewer_experts_stay_in_every_modality(by: str) -> None:
    model = token_models.model(aware(experts=9)).eval()
    rows = token_models.example(24)
    found = reduce.reduce(model, Experts(keep=2, by=by), rows, {}, token_models.example(16, seed=1), 0)
    assert found.exactness.worst <= 1e-5
    kept = {path: len(one.experts) for path, one in found.model.named_modules() if isinstance(one, MoE)}
    assert kept == {f"trunk.blocks.{block}.feed_forward.{name}": 2 for block in range(2) for name in COUNTS}


def test_more_experts_than_a_modality_has_cannot_stay() -> None:
    model = token_models.model(aware(experts=7))
    reduce.require_fit(model, Experts(keep=2))
    with pytest.raises(RecipeError, match="keep") as refused:
        reduce.require_fit(model, Experts(keep=3))
    assert refused.value.where.endswith("feed_forward.image")
