"""Who shares experts: the tokens of all modalities, or those of each modality among themselves (arXiv 2504.07951)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.network import Awareness
from l0gm_edge.models.moe import MoE
from l0gm_edge.models.rows import Rows


class ByModality(nn.ModuleDict):
    """A mixture of experts a modality, each with a router of its own, for the tokens of that modality alone.

    (n, tokens, features) -> (n, tokens, features); the tokens of a modality lie together, so many as `counts` say, in
    the order of the layers.
    """

    def __init__(self, layers: Mapping[str, MoE], counts: tuple[int, ...]) -> None:
        super().__init__(dict(layers))
        self.counts = counts

    def forward(self, x: Tensor, rows: Rows | None = None) -> Tensor:
        """Map tokens to tokens; `rows` (n, tokens) are asked only in training."""
        parts = torch.split(x, list(self.counts), dim=1)
        told = [()] * len(parts) if rows is None else [(part,) for part in rows.split(self.counts)]
        given = [layer(part, *of) for layer, part, of in zip(self.values(), parts, told, strict=True)]
        return torch.cat(given, dim=1)


def layer(width: int, moe: network.MoE, counts: Mapping[str, int] | None = None) -> nn.Module:
    """Experts for tokens of this width; `counts` are the tokens of each modality, where several go through the layer.

    Aware of these, each modality has its part of the experts, the first ones more where they do not divide evenly.
    Raises RecipeError when there are too few.
    """
    if moe.routing is Awareness.AGNOSTIC or counts is None:
        return mixture(width, moe, moe.experts)
    shares = {name: len(range(place, moe.experts, len(counts))) for place, name in enumerate(counts)}
    if min(shares.values()) < moe.top_k:
        raise RecipeError(
            f"moe.experts: found {moe.experts} for {len(counts)} modalities, each with its own",
            where="moe.routing: aware",
            allowed=f"at least {moe.top_k * len(counts)}, moe.top_k for each of {', '.join(counts)}",
        )
    layers = {name: mixture(width, moe, share) for name, share in shares.items()}
    return ByModality(layers, tuple(counts.values()))


def mixture(width: int, moe: network.MoE, experts: int) -> MoE:
    """So many experts for rows of this width, else as the recipe has them."""
    return MoE(width, moe.hidden, experts, moe.top_k, moe.combine, moe.threshold, moe.capacity)


def is_aware(model: nn.Module) -> bool:
    """Whether some layer of the model has experts a modality."""
    return any(isinstance(one, ByModality) for one in model.modules())
