"""Routes to what labels need: what all modalities give together is to tell classes apart, and to hold each together.

In the style of the Selection of S3 (arXiv 2605.03348; the full text was not at hand), in which routers alone learn: a
supervised contrastive term, so that what is selected suffices for the class, and one for compact classes; nothing keeps
the experts evenly used.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l0gm_edge.core.recipe import Learn
from l0gm_edge.learn import losses
from l0gm_edge.learn.batches import Inputs
from l0gm_edge.learn.objectives import _interfaces

ROUTES = True
SCALE = 10.0
"""Of cosines in the contrastive term: one over the temperature."""
COMPACTNESS_WEIGHT = 1.0


def loss(model: nn.Module, inputs: Inputs, labels: Tensor, _: Learn) -> tuple[Tensor, Tensor]:
    """Sufficiency and compactness of the modalities together, each with the same say; see `Objective.loss`."""
    features, logits = _interfaces.seen(model, inputs, "selection")
    together = torch.cat([F.normalize(each, dim=-1) for each in features], dim=-1)
    sufficiency = losses.supervised_contrastive(together, labels, SCALE)
    return sufficiency + COMPACTNESS_WEIGHT * losses.compactness(together, labels), logits
