"""Modalities left out of training rows at random, so that a model can do with those that are there.

As in ModDrop (arXiv 1501.00102), with rows that keep at least one modality.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def dropped(inputs: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """A batch in which each row misses each modality with probability `share`, and never all; see `models/views.py` for
    what stands there instead.

    Of a row that would lose all, one modality stays, each as likely as any. Draws from torch's global generator.
    """
    draws = torch.rand(len(inputs), len(next(iter(inputs.values()))))
    spared = torch.arange(len(inputs))[:, None] == draws.argmax(dim=0)
    lost = (draws < share) & ~(spared & (draws < share).all(dim=0))
    return {
        name: values.masked_fill(gone.view(-1, *[1] * (values.dim() - 1)), 0)
        for (name, values), gone in zip(inputs.items(), lost, strict=True)
    }
