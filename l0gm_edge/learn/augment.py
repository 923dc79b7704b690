"""Augmentation, each sample its own way: pictures and spectrograms shifted or mirrored, words left out.

Every function draws from torch's global generator.
"""

from __future__ import annotations

import torch
from torch import Tensor

REACH = 2
"""Largest shift, in positions, along either axis."""
UNKNOWN, UNKNOWN_RATE = 1, 0.15
"""The id of an unknown word, and the share of words that become one."""


def augmented(x: Tensor) -> Tensor:
    """A modality's batch, each sample its own way: maps shifted, words of token ids left out; others unchanged."""
    if x.dim() == 4 and x.is_floating_point():
        return shifted(x)
    if x.dim() == 2 and not x.is_floating_point():
        return blanked(x, UNKNOWN_RATE, UNKNOWN)
    return x


def shifted(x: Tensor, reach: int = REACH) -> Tensor:
    """Maps (n, channels, height, width) shifted at random by up to `reach`, edges repeated."""
    n, _, height, width = x.shape
    rows = _moved(n, height, reach)[:, None, :, None]
    columns = _moved(n, width, reach)[:, None, None, :]
    return x[torch.arange(n)[:, None, None, None], torch.arange(x.shape[1])[None, :, None, None], rows, columns]


def flipped(x: Tensor) -> Tensor:
    """Pictures (n, channels, height, width), every other one mirrored left to right, at random."""
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(-1), x)


def blanked(tokens: Tensor, rate: float, blank: int) -> Tensor:
    """Token ids (n, length) with a share `rate` of them, at random, replaced by `blank`; padding, id 0, stays."""
    return torch.where((torch.rand(tokens.shape) < rate) & (tokens != 0), blank, tokens)


def _moved(n: int, extent: int, reach: int) -> Tensor:
    """For each sample the positions it is read from: int64 (n, extent)."""
    shift = torch.randint(-reach, reach + 1, (n, 1))
    return (torch.arange(extent) + shift).clamp(0, extent - 1)
