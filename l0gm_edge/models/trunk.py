"""A transformer over tokens whose feed-forward layers are mixtures of experts, and what it gives for the whole row."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.models import routing
from l0gm_edge.models.transformer import Block, attention_bias


class Trunk(nn.Module):
    """Blocks and a norm; (n, tokens, width) -> (n, width), the mean over the tokens that are there.

    `present` is 1 for tokens that are there and 0 for others, (n, tokens); a row without any gives zeros. `counts` are
    the tokens of each modality, in order, where there are several.
    """

    def __init__(
        self,
        width: int,
        transformer: network.Transformer,
        moe: network.MoE,
        dropout: float,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        layers = (routing.layer(width, moe, counts) for _ in range(transformer.blocks))
        self.blocks = nn.ModuleList(Block(width, transformer.heads, layer, dropout) for layer in layers)
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Map tokens to one state a row."""
        bias = attention_bias(present)
        for block in self.blocks:
            tokens = block(tokens, bias)
        weights = present / present.sum(1, keepdim=True).clamp(min=1.0)
        out: Tensor = (self.norm(tokens) * weights[..., None]).sum(1)
        return out
