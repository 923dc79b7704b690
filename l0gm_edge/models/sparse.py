"""A mixture of experts that computes only what is used: every expert the rows that are routed to it, and no others.

No row is dropped and none is padded. Experts are called one after the other, each on its rows in one piece, which needs
neither experts of one width nor weights without gates. Beside products that are batched over experts, on one CPU core
(benchmarks/results/training.md): with 8 experts as fast as torch's grouped product, with 32 that one takes two thirds
of the time or less, but it wants widths in fours and plain weights; padded batches are no faster where there are rows
enough to matter. How many rows an expert gets depends on the data, so this is for training; what is exported computes
all.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from l0gm_edge.core.rowwise import RowWise


def may_skip_rows(experts: Iterable[nn.Module]) -> bool:
    """Whether nobody looks at the rows that go through the experts: no hooks, and no forward passes but `RowWise`."""
    return not any(_is_watched(layer) for expert in experts for layer in expert.modules())


def mixed(x: Tensor, weights: Tensor, experts: Iterable[nn.Module]) -> Tensor:
    """The sum of what experts give, each times its weight: (..., features) and (..., experts) -> (..., features).

    Where a weight is 0 it stays 0: nothing is computed there, and the weight gets no gradient.
    """
    rows, each = x.flatten(0, -2), weights.flatten(0, -2)
    used = each != 0
    expert_of, row_of = used.t().nonzero(as_tuple=True)
    parts = torch.split(rows.index_select(0, row_of), used.sum(0).tolist())
    given = torch.cat([expert(part) for expert, part in zip(experts, parts, strict=True)])
    weighed = given * each[row_of, expert_of].unsqueeze(-1)
    out = weighed.new_zeros(len(rows), weighed.shape[-1]).index_add(0, row_of, weighed)
    return out.view(*x.shape[:-1], out.shape[-1])


def _is_watched(layer: nn.Module) -> bool:
    hooks = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    own = vars(layer).get("forward")
    return any(hooks) or not (own is None or isinstance(own, RowWise))
