"""Reasoning: the tokens of the modality that asks look, in every block, at the tokens of all others; a head reads an
answer token that stands before the question.

Everything lives in one space of width `latent`. Cross-attention between a question and a picture's regions is that of
arXiv 1908.07490 (LXMERT), here from question to picture only.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.models import tokens
from l0gm_edge.models.attention import CrossAttention
from l0gm_edge.models.fusion import Network
from l0gm_edge.models.routing import mixture
from l0gm_edge.models.tokens import Tokenizer
from l0gm_edge.models.transformer import Block, attention_bias

TAKES = ("tokens", "transformer", "asks")


class Look(Block):
    """A block whose tokens, between looking at each other and the feed-forward layer, look at those of others."""

    def __init__(self, width: int, heads: int, feed_forward: nn.Module, dropout: float) -> None:
        super().__init__(width, heads, feed_forward, dropout)
        self.norm = nn.LayerNorm(width)
        self.cross = CrossAttention(width, heads)

    def forward(  # type: ignore[override]
        self, x: Tensor, bias: Tensor, seen: Tensor, seen_bias: Tensor
    ) -> Tensor:
        """Map tokens (n, tokens, width), which see (n, seen, width), to the same shape."""
        x = self.attended(x, bias)
        return self.fed(x + self.dropout(self.cross(self.norm(x), seen, seen_bias)))


class ReasoningFusion(Network):
    """An answer token and the asking modality's tokens, blocks in which they look at all others, a linear head."""

    def __init__(
        self,
        tokenizers: Mapping[str, Tokenizer],
        asks: str,
        looks: list[Look],
        width: int,
        dropout: float,
        classes: int,
    ) -> None:
        super().__init__()
        self.tokenizers = nn.ModuleDict(dict(tokenizers))
        self.asks = asks
        self.answer = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.dropout = nn.Dropout(dropout)
        self.seen_norm = nn.LayerNorm(width)
        self.looks = nn.ModuleList(looks)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, **modalities: Tensor) -> Tensor:
        """Map one batch a modality to logits (n, classes)."""
        question, asked = self._tokens((self.asks,), modalities)
        seen, there = self._tokens([name for name in self.tokenizers if name != self.asks], modalities)
        states = torch.cat([self.answer.expand(len(question), -1, -1), question], dim=1)
        seen = self.seen_norm(seen)
        asking_bias = attention_bias(torch.cat([torch.ones_like(asked[:, :1]), asked], dim=1))
        seen_bias = attention_bias(there)
        for look in self.looks:
            states = look(states, asking_bias, seen, seen_bias)
        out: Tensor = self.head(self.norm(states[:, 0]))
        return out

    def _tokens(self, names: list[str] | tuple[str, ...], modalities: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The tokens of these modalities in a row, (n, tokens, width), and which are there, (n, tokens)."""
        parts, present = [], []
        for name in names:
            tokenizer = self.tokenizers[name]
            assert isinstance(tokenizer, Tokenizer)
            parts.append(tokenizer(modalities[name]))
            present.append(tokenizer.present(modalities[name]))
        return self.dropout(torch.cat(parts, dim=1)), torch.cat(present, dim=1)


def build(
    model: network.Model, moe: network.MoE, shapes: Mapping[str, tuple[int, ...]], classes: int
) -> ReasoningFusion:
    """Make the network for modalities of these shapes."""
    assert model.transformer is not None
    assert model.asks is not None
    width, heads, dropout = model.latent, model.transformer.heads, model.dropout
    layers = (mixture(width, moe, moe.experts) for _ in range(model.transformer.blocks))
    looks = [Look(width, heads, layer, dropout) for layer in layers]
    return ReasoningFusion(tokens.build(model.tokens, shapes, width), model.asks, looks, width, dropout, classes)
