"""Other ways to give experts their rows, batched over experts, which `l0gm_edge/models/sparse.py` is held against."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from l0gm_edge.models.moe import Expert


def all_experts(x: Tensor, weights: Tensor, experts: Sequence[Expert]) -> Tensor:
    """Every expert computes every row: (n, features) and (n, experts) -> (n, features)."""
    terms = [weights[:, e : e + 1] * expert(x) for e, expert in enumerate(experts)]
    return sum(terms[1:], terms[0])


def grouped(x: Tensor, weights: Tensor, experts: Sequence[Expert]) -> Tensor:
    """Rows in order of their experts, through torch's grouped matrix product over stacked weights."""
    used = weights != 0
    expert_of, row_of = used.t().nonzero(as_tuple=True)
    ends = used.sum(0).cumsum(0).to(torch.int32)
    (up, up_bias), (down, down_bias) = _stacked(experts, "up"), _stacked(experts, "down")
    hidden = F.grouped_mm(x.index_select(0, row_of), up.transpose(1, 2), offs=ends) + up_bias.index_select(0, expert_of)
    given = F.grouped_mm(hidden.relu(), down.transpose(1, 2), offs=ends) + down_bias.index_select(0, expert_of)
    return torch.zeros_like(x).index_add(0, row_of, given * weights[row_of, expert_of].unsqueeze(-1))


def padded(x: Tensor, weights: Tensor, experts: Sequence[Expert]) -> Tensor:
    """As many places for each expert as the busiest one needs, through batched matrix products."""
    used = weights != 0
    expert_of, row_of = used.t().nonzero(as_tuple=True)
    counts = used.sum(0)
    most = int(counts.max())
    place = expert_of * most + torch.arange(len(row_of)) - (counts.cumsum(0) - counts)[expert_of]
    (up, up_bias), (down, down_bias) = _stacked(experts, "up"), _stacked(experts, "down")
    rows = x.new_zeros(len(experts) * most, x.shape[1]).index_copy(0, place, x.index_select(0, row_of))
    hidden = torch.baddbmm(up_bias.unsqueeze(1), rows.view(len(experts), most, -1), up.transpose(1, 2)).relu()
    given = torch.baddbmm(down_bias.unsqueeze(1), hidden, down.transpose(1, 2)).flatten(0, 1).index_select(0, place)
    return torch.zeros_like(x).index_add(0, row_of, given * weights[row_of, expert_of].unsqueeze(-1))


def _stacked(experts: Sequence[Expert], layer: str) -> tuple[Tensor, Tensor]:
    layers = [getattr(expert, layer) for expert in experts]
    return torch.stack([one.weight for one in layers]), torch.stack([one.bias for one in layers])
