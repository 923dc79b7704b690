"""A shared space: what the modalities say is added up, and a unit stays or goes for all of them."""

from __future__ import annotations

import fusion_models
import pytest
import torch

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.network import Model
from l0gm_edge.core.recipe import Recipe, SiteKind, Target
from l0gm_edge.gates.session import Session
from l0gm_edge.models.fusion.shared import SharedFusion
from l0gm_edge.prune.prune import prune


def recipe(out: int | None = 10, target: Target | None = None) -> Recipe:
    config = fusion_models.recipe(target)
    assert isinstance(config.model, Model)
    encoders = {name: one.model_copy(update={"out": out or one.out}) for name, one in config.model.encoders.items()}
    return config.model_copy(
        update={"model": config.model.model_copy(update={"fusion": "shared", "encoders": encoders})}
    )


def test_the_latent_reads_the_sum() -> None:
    model = fusion_models.model(recipe()).eval()
    assert isinstance(model, SharedFusion)
    inputs = fusion_models.example(3)
    total = sum(model.encoders[name](inputs[name]) for name in inputs)
    torch.testing.assert_close(model.latent(**inputs), model.fusion(total).relu())


def test_interfaces_of_other_widths_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"`out` is 10, 12, 9"):
        fusion_models.model(recipe(out=None))


def test_a_unit_of_the_space_is_cut_for_all_modalities() -> None:
    config = recipe(target=Target(active_fraction=0.4))
    model = fusion_models.model(config).eval()
    assert isinstance(model, SharedFusion)
    session = Session(model, fusion_models.example(), config.gates, {}, model.interface_layers())
    faces = [site for site in session.layout.sites if site.kind is SiteKind.INTERFACE]
    assert [site.width for site in faces] == [10]
    givers = {member.module for member in faces[0].members if member.axis == "out"}
    assert set(model.interface_layers()) <= givers
    pruned = prune(model, session, fusion_models.example(4), "", 0)
    assert pruned.exactness.worst < 1e-5
    small = pruned.model
    widths = {small.get_submodule(path).out_features for path in model.interface_layers()}
    assert len(widths) == 1
    assert widths.pop() < 10
