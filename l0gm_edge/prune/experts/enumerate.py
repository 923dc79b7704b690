"""By trying all of them: the subset with which the layer's output differs least from what it is with every expert.

The error is the squared distance of the outputs over all rows, as in NAEE (arXiv 2402.14800).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from l0gm_edge.models.moe import MoE
from l0gm_edge.prune.experts import Choice, Seen

MOST, LEARNED = 8, False


@torch.no_grad()
def choose(seen: Seen, keep: int) -> Choice:
    """The best of all subsets; see `Way.choose`."""
    rows = torch.cat(list(seen.rows.values()))
    error = Errors(seen.layer, rows)
    subsets = combinations(range(len(seen.layer.experts)), keep)
    return Choice(tuple((expert,) for expert in min(subsets, key=error.of)))


class Errors:
    """What a layer without some of its experts does to rows (n, features), everything computed once."""

    @torch.no_grad()
    def __init__(self, layer: MoE, rows: Tensor) -> None:
        assert layer.router is not None
        self.layer = layer
        self.logits = layer.router(rows)
        self.outputs = torch.stack([expert(rows) for expert in layer.experts], dim=1)
        self.whole = layer(rows)

    def of(self, kept: Sequence[int]) -> float:
        """The mean squared distance between the outputs with all experts and with these."""
        weights = self.layer.combined(self.logits[:, list(kept)])
        given = (weights.unsqueeze(-1) * self.outputs[:, list(kept)]).sum(1)
        return float((given - self.whole).square().sum(1).mean())
