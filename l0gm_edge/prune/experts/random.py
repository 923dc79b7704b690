"""By chance, as the recipe's seed has it: what every other way is held against."""

from __future__ import annotations

import torch

from l0gm_edge.prune.experts import Choice, Seen

MOST, LEARNED = None, False


def choose(seen: Seen, keep: int) -> Choice:
    """Any experts; see `Way.choose`."""
    generator = torch.Generator().manual_seed(seen.seed)
    order = torch.randperm(len(seen.layer.experts), generator=generator)
    return Choice(tuple((expert,) for expert in sorted(order[:keep].tolist())))
