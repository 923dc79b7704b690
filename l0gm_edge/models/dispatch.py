"""Which experts a row really goes to, where each has room for so many: batch-priority routing.

As in V-MoE (arXiv 2106.05974): the rows of a whole batch, whatever their modality, queue by the weight of their first
choice; all first choices are served before any second. What finds no room is dropped: the layer gives nothing for it,
and the shortcut beside the layer carries the row on.
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from l0gm_edge.core.site import CLOSED_LOGIT

MULTIPLE = 4
"""Room is rounded up to this."""


def room(rows: int, top_k: int, factor: float, experts: int) -> int:
    """How many rows each expert takes: `factor` times its even share of them, rounded up."""
    return MULTIPLE * ceil(ceil(rows * top_k * factor / experts) / MULTIPLE)


def kept(logits: Tensor, top_k: int, factor: float, present: Tensor | None = None) -> Tensor:
    """1 for the experts that serve a row, 0 for others: (..., outputs) -> (..., outputs).

    Rows that are not `present`, bool (...), queue nowhere and are not counted; nor are experts whose gate is closed.
    """
    flat = logits.detach().flatten(0, -2)
    there = torch.ones_like(flat[:, 0], dtype=torch.bool) if present is None else present.flatten()
    rows, outputs = flat.shape
    is_open = int((flat[:1] > CLOSED_LOGIT / 2).sum())
    space = room(int(there.sum()), top_k, factor, max(1, is_open))
    weights, choices = torch.topk(torch.softmax(flat, dim=-1), top_k, dim=-1)
    queue = torch.argsort(torch.where(there, weights[:, 0], -1.0), descending=True, stable=True)
    asked = choices[queue].T.reshape(-1)  # every first choice, then every second
    wants = torch.zeros(len(asked), outputs, dtype=torch.int32, device=flat.device)
    wants.scatter_(1, asked[:, None], there[queue].repeat(top_k)[:, None].to(torch.int32))
    served = (wants * (wants.cumsum(0) <= space)).view(top_k, rows, outputs).sum(0)
    found = torch.zeros_like(flat).index_copy(0, queue, served.to(flat.dtype))
    return found.view(logits.shape)
