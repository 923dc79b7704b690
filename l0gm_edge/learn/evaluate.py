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
from l0gm_edge.models.fusion import LateFusion
from l0gm_edge.models.router import combine_weights

ROWS = 512


@torch.no_grad()
def logits(model: nn.Module, split: Split) -> NDArray[np.float32]:
    """The model's logits in evaluation mode: (n, classes)."""
    model.eval()
    parts = [model(**tensors(split.take(slice(start, start + ROWS)))[0]) for start in range(0, len(split), ROWS)]
    joined: NDArray[np.float32] = torch.cat(parts).numpy()
    return joined


@torch.no_grad()
def routing(model: LateFusion, split: Split, experts: Sequence[int]) -> Routing:
    """Each expert's mean share of the combined output, for each modality alone and for all together.

    A modality alone means that every other one is held at its mean over the split. `experts` are the numbers that the
    model's experts had before the cut.
    """
    inputs, _ = tensors(split)
    means = {name: values.mean(0, keepdim=True).expand_as(values) for name, values in inputs.items()}
    views = {name: means | {name: inputs[name]} for name in inputs} | {"all together": inputs}
    moe = model.moe
    shares = []
    for view in views.values():
        if moe.router is None:
            shares.append((1.0,))
        else:
            weights = combine_weights(moe.router(model.eval().latent(**view)), moe.top_k)
            shares.append(tuple(weights.mean(0).tolist()))
    return Routing(rows=tuple(views), experts=tuple(f"expert {e}" for e in experts), share=tuple(shares))
