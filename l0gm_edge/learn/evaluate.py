"""What a trained torch model says: logits of a split, and how its router spends each modality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from l0gm_edge.core.dataset import Split
from l0gm_edge.core.report import Routing
from l0gm_edge.learn.batches import tensors
from l0gm_edge.models.fusion.late import LateFusion
from l0gm_edge.models.views import views

ROWS = 512


@torch.no_grad()
def logits(model: nn.Module, split: Split) -> NDArray[np.float32]:
    """The model's logits in evaluation mode: (n, classes)."""
    model.eval()
    parts = [model(**tensors(split.take(slice(start, start + ROWS)))[0]) for start in range(0, len(split), ROWS)]
    joined: NDArray[np.float32] = torch.cat(parts).numpy()
    return joined


@torch.no_grad()
def routing(model: LateFusion, split: Split, experts: Sequence[str]) -> Routing:
    """The mean share of each of the `experts`, as they are called, in the combined output, for each modality alone and
    for all together."""
    shown = views(tensors(split)[0])
    latents = (model.eval().latent(**view) for view in shown.values())
    shares = tuple(tuple(model.moe.weights(latent).mean(0).tolist()) for latent in latents)
    return Routing(rows=tuple(shown), experts=tuple(experts), share=shares)
