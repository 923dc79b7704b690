"""A transformer over tokens whose feed-forward layers are mixtures of experts, and what it gives for the whole row."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.models import routing
from l0gm_edge.models.rows import Rows
from l0gm_edge.models.transformer import Block, attention_bias


class Trunk(nn.Module):
    """Blocks and a norm; (n, tokens, width) -> (n, width), the mean over the tokens that are there.

    `present` is 1 for tokens that are there and 0 for others, (n, tokens); a row without any gives zeros. `counts` are
    the tokens of each modality, one modality after the other.
    """

    def __init__(
        self, width: int, transformer: network.Transformer, moe: network.MoE, dropout: float, counts: Mapping[str, int]
    ) -> None:
        super().__init__()
        several = counts if len(counts) > 1 else None
        layers = (routing.layer(width, moe, several) for _ in range(transformer.blocks))
        self.blocks = nn.ModuleList(Block(width, transformer.heads, layer, dropout) for layer in layers)
        self.norm = nn.LayerNorm(width)
        self.names = tuple(counts)
        modality = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(list(counts.values())))
        self.register_buffer("modality", modality, persistent=False)
        self.modality: Tensor
        """Of which of the `names` each token is, by number: (tokens,)."""

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Map tokens to one state a row."""
        return pooled(self.states(tokens, present, attention_bias(present)), present)

    def states(self, tokens: Tensor, present: Tensor, bias: Tensor) -> Tensor:
        """Map tokens to a state each; `bias`, of a shape that spreads to (n, heads, tokens, tokens), is added to the
        attention scores."""
        rows = self.rows(present) if self.training else None
        for block in self.blocks:
            tokens = block(tokens, bias, rows)
        out: Tensor = self.norm(tokens)
        return out

    def rows(self, present: Tensor) -> Rows:
        """What is known of the tokens."""
        return Rows(present > 0, self.modality.expand(present.shape), self.names)


def pooled(states: Tensor, present: Tensor) -> Tensor:
    """The mean of the states (n, tokens, width) that are there: (n, width)."""
    weights = present / present.sum(1, keepdim=True).clamp(min=1.0)
    return (states * weights[..., None]).sum(1)
