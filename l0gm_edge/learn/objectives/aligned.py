"""Classes from labels, and modalities that find each other: what belongs to one row lies close together in the space
that the modalities' interfaces share (InfoNCE between every two of them, arXiv 2103.00020)."""

from __future__ import annotations

from itertools import combinations

from torch import Tensor, nn

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.recipe import Learn
from l0gm_edge.learn import losses
from l0gm_edge.learn.batches import Inputs
from l0gm_edge.learn.objectives import _interfaces

ROUTES = False
SCALE = 1 / 0.07
"""What cosines are multiplied by: CLIP's at its start."""


def loss(model: nn.Module, inputs: Inputs, labels: Tensor, settings: Learn) -> tuple[Tensor, Tensor]:
    """Cross-entropy with smoothed labels and `align_weight` times the mean InfoNCE; see `Objective.loss`.

    A row in which a modality is missing does not count for that one. Raises RecipeError for a network
    without two interfaces of one width.
    """
    spoken, logits = _interfaces.seen(model, inputs, "aligned")
    if len(spoken) < 2 or len({part.shape[1] for part in spoken}) > 1:
        raise RecipeError(
            "learn: objective 'aligned' needs several modalities in a space that they share",
            where=type(model).__name__,
            allowed="model.fusion: shared, with several modalities",
        )
    there = [inputs[name].flatten(1).any(dim=1) for name in sorted(inputs)]
    apart = [
        losses.info_nce(one[both], other[both], SCALE)
        for (one, is_one), (other, is_other) in combinations(zip(spoken, there, strict=True), 2)
        if int((both := is_one & is_other).sum()) > 1
    ]
    wrong = losses.classification(logits, labels, settings.label_smoothing)
    return wrong + settings.align_weight * (sum(apart[1:], apart[0]) / len(apart) if apart else 0.0), logits
