"""The router: which experts a sample goes to, with what weight."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l0gm_edge.core.network import Combine


class Router(nn.Linear):
    """A linear router; its outputs are one logit an expert."""


def combine_weights(logits: Tensor, top_k: int) -> Tensor:
    """Softmax over the `top_k` largest logits, zero elsewhere: (..., experts) -> (..., experts).

    Written with both outputs of topk and an equality mask, which every target runtime executes (one_hot,
    scatter and values-only topk do not survive conversion).
    """
    values, index = torch.topk(logits, top_k, dim=-1)
    mask = index.unsqueeze(-1) == torch.arange(logits.shape[-1], device=logits.device)
    return (torch.softmax(values, dim=-1).unsqueeze(-1) * mask.to(logits.dtype)).sum(dim=-2)


def plain_weights(logits: Tensor, top_k: int) -> Tensor:
    """The softmax of all logits at the `top_k` largest, zero elsewhere: (..., experts) -> (..., experts).

    As V-MoE weighs its experts (arXiv 2106.05974).
    """
    _, index = torch.topk(logits, top_k, dim=-1)
    mask = index.unsqueeze(-1) == torch.arange(logits.shape[-1], device=logits.device)
    return torch.softmax(logits, dim=-1) * mask.to(logits.dtype).sum(dim=-2)


def reaching(weights: Tensor, threshold: Tensor) -> Tensor:
    """The weights that are at least the threshold, a scalar; zero elsewhere. Which do depends on no other row."""
    return weights * (weights >= threshold).to(weights.dtype)


WEIGHTS = {Combine.CHOSEN: combine_weights, Combine.PLAIN: plain_weights}
