"""Text: a small transformer whose class token starts as the mean of the words."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.models.encoders import Encoder
from l0gm_edge.models.transformer import Block, attention_bias, gelu_layers

TAKES = ("attention", "vocabulary")
PADDING = 0


class TextEncoder(Encoder):
    """Token and position embeddings, a block for each hidden width, an interface on the class token.

    The class token starts as the mean of the words' embeddings, so that a bag of words, which is learnt in seconds,
    reaches the interface along the shortcuts from the first step on. No norm stands there: the length of that mean says
    how sure the words are.
    """

    def __init__(self, tokens: int, config: network.Encoder) -> None:
        super().__init__()
        assert config.attention is not None
        assert config.vocabulary is not None
        width, heads = config.attention.width, config.attention.heads
        self.embedding = nn.Embedding(config.vocabulary, width, padding_idx=PADDING)
        self.position = nn.Parameter(torch.randn(tokens, width) * 0.02)
        self.dropout = nn.Dropout(config.dropout)
        layers = (gelu_layers(width, hidden) for hidden in config.widths)
        self.blocks = nn.ModuleList(Block(width, heads, layer, config.dropout) for layer in layers)
        self.interface = nn.Linear(width, config.out)
        nn.init.normal_(self.embedding.weight, std=0.05)

    def forward(self, text: Tensor) -> Tensor:
        """Map token ids (n, tokens), 0 padding, to (n, out)."""
        present = (text != PADDING).to(self.position.dtype)
        words = self.embedding(text)
        count = present.sum(1, keepdim=True).clamp(min=1.0)
        mean = (words * present[..., None]).sum(1) / count
        states = self.dropout(torch.cat([mean[:, None], words + self.position], dim=1))
        bias = attention_bias(torch.cat([torch.ones_like(count), present], dim=1))
        for block in self.blocks:
            states = block(states, bias)
        out: Tensor = self.interface(self.dropout(states[:, 0])).relu()
        return out


def build(config: network.Encoder, shape: tuple[int, ...]) -> TextEncoder:
    """Make the encoder for rows of token ids of `shape` (tokens,)."""
    if len(shape) != 1:
        raise RecipeError(f"encoder 'text' cannot read samples of shape {shape}", allowed="one axis: (tokens,)")
    return TextEncoder(shape[0], config)
