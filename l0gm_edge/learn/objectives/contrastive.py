"""Modalities of a row belong together: symmetric InfoNCE (arXiv 1807.03748, 2103.00020) over every two of them, with a
learned temperature, and the classes' cross-entropy, from which the head learns."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn

from l0gm_edge.core.contrast import Contrastive
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.recipe import Learn
from l0gm_edge.learn import losses
from l0gm_edge.learn.batches import Inputs
from l0gm_edge.learn.distill import tapped
from l0gm_edge.models.fusion.tower import TowerFusion

ROUTES = False
SHARPEST = 100.0
"""What cosines are multiplied by at most (as in CLIP)."""
PLACES = "space"
"""The module that gives them."""


def loss(model: nn.Module, inputs: Inputs, labels: Tensor, settings: Learn) -> tuple[Tensor, Tensor]:
    """InfoNCE and cross-entropy; see `Objective.loss`. Raises RecipeError for a model without a shared space."""
    if not isinstance(model, TowerFusion):
        raise RecipeError(
            "learn.objective: 'contrastive' needs a place for each modality in a shared space",
            where=type(model).__name__,
            allowed="model.fusion: tower",
        )
    asked = settings.contrastive or Contrastive()
    with tapped(model, (PLACES,)) as seen:
        logits = model(**inputs)
    places = seen[PLACES]
    apart = agreement(places, model.sharpness.exp().clamp(max=SHARPEST))
    told = model.classify(places.detach()) if asked.probe else logits
    return apart + asked.labels * losses.classification(told, labels, settings.label_smoothing), logits


def agreement(places: Tensor, sharpness: Tensor) -> Tensor:
    """Symmetric InfoNCE of places (n, modalities, width), the mean over every two modalities: a scalar."""
    pairs = combinations(places.unbind(1), 2)
    return torch.stack([losses.info_nce(one, other, sharpness) for one, other in pairs]).mean()
