"""Without labels: a row is to be told by each modality from two looks at it, and by any modality from another.

In the style of the Specialization of S3 (arXiv 2605.03348; the full text was not at hand): InfoNCE within a modality,
between two views that differ in dropout and augmentation, and across the modalities of a row; routers are to be sure
of each token's expert and to use all experts alike.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn

from l0gm_edge.core.recipe import Learn
from l0gm_edge.learn import losses, routes
from l0gm_edge.learn.augment import augmented
from l0gm_edge.learn.batches import Inputs
from l0gm_edge.learn.objectives import _interfaces

ROUTES = True
SCALE = 10.0
"""Of cosines in the contrastive terms: one over the temperature."""
ROUTER_WEIGHT = 0.1


def loss(model: nn.Module, inputs: Inputs, labels: Tensor, settings: Learn) -> tuple[Tensor, Tensor]:
    """InfoNCE within and across modalities, and what routers should do; see `Objective.loss`."""
    second = augmented(inputs, settings.drop_words) if settings.augment else inputs
    both = {name: torch.cat([values, second[name]]) for name, values in inputs.items()}
    with routes.recorded(model, both) as routed:
        features, logits = _interfaces.seen(model, both, "specialization")
    views = [each.chunk(2) for each in features]
    within = [losses.info_nce(first, other, SCALE) for first, other in views]
    across = [losses.info_nce(one[0], other[1], SCALE) for one, other in combinations(views, 2)]
    total = _mean(within) + ROUTER_WEIGHT * _mean([losses.balanced_and_confident(one) for one in routed.values()])
    return total + _mean(across), logits[: len(labels)]


def _mean(terms: list[Tensor]) -> Tensor:
    return torch.stack(terms).mean() if terms else torch.zeros(())
