"""Augmentation: pictures and spectrograms shifted by a few positions, each sample its own way."""

from __future__ import annotations

import torch
from torch import Tensor

REACH = 2
"""Largest shift, in positions, along either axis."""


def shifted(x: Tensor) -> Tensor:
    """Maps (n, channels, height, width) shifted at random by up to `REACH`, edges repeated; other shapes unchanged.

    Draws from torch's global generator.
    """
    if x.dim() != 4:
        return x
    n, _, height, width = x.shape
    rows = _moved(n, height)[:, None, :, None]
    columns = _moved(n, width)[:, None, None, :]
    return x[torch.arange(n)[:, None, None, None], torch.arange(x.shape[1])[None, :, None, None], rows, columns]


def _moved(n: int, extent: int) -> Tensor:
    """For each sample the positions it is read from: int64 (n, extent)."""
    shift = torch.randint(-REACH, REACH + 1, (n, 1))
    return (torch.arange(extent) + shift).clamp(0, extent - 1)
