"""What training asks of routers: experts used evenly, small logits, and choices that are clear for a token and varied
over a modality.

Importance, load and z as in V-MoE (arXiv 2106.05974) and ST-MoE (arXiv 2202.08906); local and global entropy as in
LIMoE (arXiv 2206.02770). Everywhere `logits` is (rows, experts), of the rows that are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log

import torch
from torch import Tensor, nn

from l0gm_edge.core.network import RouterLosses
from l0gm_edge.core.site import CLOSED_LOGIT
from l0gm_edge.learn.losses import entropy
from l0gm_edge.models.moe import MoE
from l0gm_edge.models.rows import Routed


def importance(logits: Tensor) -> Tensor:
    """(std / mean)^2 of the summed router probability of each open expert: 0 when all are used alike."""
    return _unevenness(torch.softmax(logits, dim=-1).sum(dim=0)[_is_open(logits)])


def load(logits: Tensor, noise: Tensor, top_k: int) -> Tensor:
    """(std / mean)^2 of how likely a row is to have each open expert among its `top_k`, were its noise drawn again.

    `noise` is standard normal, of the logits' shape; its deviation is one in the number of open experts. Routing itself
    goes by the logits without it.
    """
    mask = _is_open(logits)
    sigma = 1 / max(1, int(mask.sum()))
    noisy = (logits + sigma * noise)[:, mask]
    if noisy.shape[-1] <= top_k:  # every row has them all
        return logits.new_zeros(())
    threshold = noisy.topk(top_k, dim=-1).values[:, -1:]
    chosen = torch.special.ndtr((logits[:, mask] - threshold) / sigma)
    return _unevenness(chosen.mean(dim=0))


def z(logits: Tensor) -> Tensor:
    """Mean squared log of the softmax's denominator."""
    return torch.logsumexp(logits, dim=-1).square().mean()


def local_entropy(logits: Tensor) -> Tensor:
    """Mean entropy of a row's probabilities, in nats: 0 when every row is sure."""
    return entropy(torch.softmax(logits, dim=-1)).mean()


def global_entropy(logits: Tensor, experts: int) -> Tensor:
    """What the entropy of the rows' mean probabilities lacks of log `experts`, in nats: 0 when about so many are used.

    No more are asked for than are open.
    """
    threshold = log(max(1, min(experts, int(_is_open(logits).sum()))))
    return (threshold - entropy(torch.softmax(logits, dim=-1).mean(dim=0))).clamp_min(0)


def total(model: nn.Module, balance_weight: float, losses: RouterLosses) -> Tensor | float:
    """The losses by weight, of every expert layer that ran in training mode since the last call, summed.

    What routers said is taken: a layer in a block that gates skip next time would still hold its old pass.
    """
    return sum((_of_layer(routed, balance_weight, losses) for routed in _taken(model)), start=0.0)


def _taken(model: nn.Module) -> Iterator[Routed]:
    for layer in model.modules():
        if isinstance(layer, MoE) and layer.routed is not None:
            routed, layer.routed = layer.routed, None
            if len(routed.logits):
                yield routed


def _of_layer(routed: Routed, balance_weight: float, losses: RouterLosses) -> Tensor:
    found = [routed.logits.new_zeros(())]
    if balance_weight:
        found.append(balance_weight * importance(routed.logits))
    if losses.load:
        found.append(losses.load * load(routed.logits, torch.randn_like(routed.logits), routed.top_k))
    if losses.z:
        found.append(losses.z * z(routed.logits))
    for name in sorted(losses.modalities):
        logits = routed.of_modality(name)
        if not len(logits):  # none of it in this batch, or in this layer
            continue
        found.append(losses.local_entropy.get(name, 0.0) * local_entropy(logits))
        if (wanted := losses.global_entropy.get(name)) is not None:
            found.append(wanted.weight * global_entropy(logits, wanted.experts))
    return torch.stack(found).sum()


def _is_open(logits: Tensor) -> Tensor:
    """Which experts' gates are open: bool (experts,)."""
    found: Tensor = logits[0] > CLOSED_LOGIT / 2
    return found


def _unevenness(use: Tensor) -> Tensor:
    if not len(use):  # a draw of the gates may close them all
        return use.new_zeros(())
    return (use / use.mean() - 1).square().mean()
