"""Augmentation, each sample its own way: pictures and spectrograms shifted or mirrored, words left out.

Every function draws from torch's global generator.
"""

from __future__ import annotations

import torch
from torch import Tensor

from l0gm_edge.learn.batches import Inputs

REACH = 2
"""Largest shift, in positions, along either axis."""
UNKNOWN = 1
"""The id of an unknown word, which stands for one left out."""


def augmented(inputs: Inputs, drop_words: float) -> Inputs:
    """A batch, each sample its own way: maps shifted, a share of the words of token ids left out, others unchanged."""
    return {name: _augmented(values, drop_words) for name, values in inputs.items()}


def _augmented(x: Tensor, drop_words: float) -> Tensor:
    if x.dim() == 4 and x.is_floating_point():
        return shifted(x)
    if x.dim() == 2 and not x.is_floating_point():
        return blanked(x, drop_words, UNKNOWN)
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
