"""How a trunk's routers spend experts on each modality: which serve it, how sure of it they are, and whom they drop
where room is short."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from l0gm_edge.core.dataset import Split
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.learn.batches import tensors
from l0gm_edge.learn.distill import tapped
from l0gm_edge.learn.router_losses import local_entropy
from l0gm_edge.models import dispatch
from l0gm_edge.models.fusion import Network
from l0gm_edge.models.moe import MoE
from l0gm_edge.models.router import plain_weights

USED = 0.05
"""An expert is used by a modality when it serves this share of its tokens."""


@dataclass(frozen=True)
class Spent:
    """What one layer spends on one modality: the share of its tokens that each expert serves, mean entropy of the
    router in nats, and the share of what was asked for that finds no room, by capacity factor."""

    layer: str
    modality: str
    share: tuple[float, ...]
    entropy: float
    dropped: dict[float, float]

    @property
    def used(self) -> int:
        """How many experts serve it."""
        return sum(share >= USED for share in self.share)


@torch.no_grad()
def spending(model: Network, split: Split, batch: int, factors: tuple[float, ...]) -> tuple[Spent, ...]:
    """For each layer that routes tokens and each modality of these; tokens queue in batches of so many rows."""
    layers = {path: layer for path, layer in model.named_modules() if isinstance(layer, MoE) and layer.router}
    routers = {path: f"{path}.router" for path in layers}
    said: dict[tuple[str, str], list[tuple[Tensor, Tensor, list[Tensor]]]] = {}
    for at in range(0, len(split), batch):
        inputs, _ = tensors(split.take(slice(at, at + batch)))
        with evaluating(model), tapped(model, tuple(routers.values())) as seen:
            model(**inputs)
        for path, layer in layers.items():
            logits, tokens = seen[routers[path]], model.tokens_of(path, inputs)
            present = sum(tokens.values(), torch.zeros_like(logits[..., 0])) > 0
            asked = plain_weights(logits, layer.top_k) > 0
            kept = [dispatch.kept(logits, layer.top_k, factor, present) > 0 for factor in factors]
            for name, mask in tokens.items():
                of = mask > 0
                said.setdefault((path, name), []).append((logits[of], asked[of], [one[of] for one in kept]))
    return tuple(_spent(*key, parts, factors) for key, parts in said.items())


def _spent(
    layer: str, name: str, parts: list[tuple[Tensor, Tensor, list[Tensor]]], factors: tuple[float, ...]
) -> Spent:
    asked = torch.cat([part[1] for part in parts])
    kept = [torch.cat([part[2][at] for part in parts]) for at in range(len(factors))]
    dropped = {factor: 1 - float((asked & one).sum() / asked.sum()) for factor, one in zip(factors, kept, strict=True)}
    entropy = float(local_entropy(torch.cat([part[0] for part in parts])))
    return Spent(layer, name, tuple((asked.sum(0) / asked.sum()).tolist()), entropy, dropped)
