"""The contrastive objective: its formula, what labels may teach, and that it brings modalities together."""

from __future__ import annotations

import fusion_models
import numpy as np
import pytest
import token_models
import torch

from l0gm_edge.core.contrast import Contrastive
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.recipe import Learn
from l0gm_edge.learn import losses
from l0gm_edge.learn.objectives import contrastive

LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def settings(**labels: object) -> Learn:
    return Learn(steps=1, objective="contrastive", contrastive=Contrastive(**labels) if labels else None)


def test_agreement_is_the_mean_cross_entropy_both_ways_over_all_pairs() -> None:
    places = torch.randn(5, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    units = (places / places.norm(dim=-1, keepdim=True)).numpy()
    found = []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        alike = 7.0 * units[:, one] @ units[:, other].T
        found += [np.mean(np.log(np.exp(scores).sum(1)) - scores.diagonal()) for scores in (alike, alike.T)]
    assert float(contrastive.agreement(places, torch.tensor(7.0))) == pytest.approx(np.mean(found))


def test_labels_are_weighed_and_the_logits_are_the_models() -> None:
    model, inputs = token_models.model(token_models.recipe("tower")).eval(), token_models.example(6)
    logits, places = model(**inputs), model.places(**inputs)
    expected = contrastive.agreement(places, model.sharpness.exp()) + 0.5 * losses.classification(logits, LABELS, 0.0)
    found, given = contrastive.loss(model, inputs, LABELS, settings(labels=0.5))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(given, logits)


@pytest.mark.parametrize("probe", [True, False])
def test_a_probe_teaches_the_head_alone(probe: bool) -> None:
    model, inputs = token_models.model(token_models.recipe("tower")).eval(), token_models.example(6)
    parts = [model.space.project["image"].weight, model.head.weight, model.sharpness]
    grads = [
        torch.autograd.grad(contrastive.loss(model, inputs, labels, settings(probe=probe))[0], parts)
        for labels in (LABELS, LABELS.flip(0))
    ]
    same = [torch.equal(one, other) for one, other in zip(*grads, strict=True)]
    assert same == [probe, False, True]


def test_it_needs_a_shared_space() -> None:
    model = fusion_models.model(fusion_models.recipe())
    with pytest.raises(RecipeError, match="shared space") as refused:
        contrastive.loss(model, fusion_models.example(6), LABELS, settings())
    assert refused.value.allowed == "model.fusion: tower"


def test_its_settings_go_with_it() -> None:
    with pytest.raises(ValueError, match="contrastive goes with objective: contrastive"):
        Learn(steps=1, contrastive=Contrastive())
