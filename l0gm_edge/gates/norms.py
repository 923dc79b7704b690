"""Normalisation over the open entries only, as the physically smaller layer would do it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def layer_norm(x: Tensor, norm: nn.LayerNorm, open_entries: Tensor) -> Tensor:
    """Layer normalisation of (..., width) whose mean and variance leave out entries where `open_entries` is 0."""
    count = open_entries.sum().clamp_min(1)  # a draw of the gates may close them all
    mean = (x * open_entries).sum(-1, keepdim=True) / count
    centred = x - mean
    variance = (centred.square() * open_entries).sum(-1, keepdim=True) / count
    out = centred * torch.rsqrt(variance + norm.eps)
    if norm.weight is not None:
        out = out * norm.weight
    return out if norm.bias is None else out + norm.bias
