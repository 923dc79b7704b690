"""By how often an expert is used: the share of rows routed to it, as a mean over the modalities."""

from __future__ import annotations

import torch
from torch import Tensor

from l0gm_edge.prune.experts import Choice, Seen
from l0gm_edge.prune.experts._best import best, routed

MOST, LEARNED = None, False


@torch.no_grad()
def choose(seen: Seen, keep: int) -> Choice:
    """The experts used most; see `Way.choose`."""
    shares = use(seen)
    return best(shares.mean(0), shares > 0, keep)


def use(seen: Seen) -> Tensor:
    """The share of rows that are routed to each expert: (kinds of rows, experts)."""
    return torch.stack([(weights > 0).float().mean(0) for weights in routed(seen).values()])
