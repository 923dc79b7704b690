"""What a trained torch model says: logits of a split."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from l0gm_edge.core.dataset import Split
from l0gm_edge.learn.batches import tensors

ROWS = 512


@torch.no_grad()
def logits(model: nn.Module, split: Split) -> NDArray[np.float32]:
    """The model's logits in evaluation mode: (n, classes)."""
    model.eval()
    parts = [model(**tensors(split.take(slice(start, start + ROWS)))[0]) for start in range(0, len(split), ROWS)]
    joined: NDArray[np.float32] = torch.cat(parts).numpy()
    return joined
