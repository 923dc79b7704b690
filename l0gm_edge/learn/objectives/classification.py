"""Classes from labels: cross-entropy."""

from __future__ import annotations

from torch import Tensor, nn

from l0gm_edge.core.recipe import Learn
from l0gm_edge.learn import losses
from l0gm_edge.learn.batches import Inputs

ROUTES = False


def loss(model: nn.Module, inputs: Inputs, labels: Tensor, settings: Learn) -> tuple[Tensor, Tensor]:
    """Cross-entropy with smoothed labels; see `Objective.loss`."""
    logits = model(**inputs)
    return losses.classification(logits, labels, settings.label_smoothing), logits
