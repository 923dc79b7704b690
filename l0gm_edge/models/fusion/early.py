"""Early fusion: the tokens of all modalities, in one row, go through one transformer; a head reads their mean.

As in native multimodal models (arXiv 2504.07951): no encoders, one linear layer turns a modality into tokens.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.models import tokens
from l0gm_edge.models.fusion import Network
from l0gm_edge.models.tokens import Joined
from l0gm_edge.models.trunk import Trunk

TAKES = ("tokens", "transformer")


class EarlyFusion(Network):
    """One transformer over the tokens of all modalities, and a linear head."""

    def __init__(self, tokenizers: Joined, trunk: Trunk, width: int, dropout: float, classes: int) -> None:
        super().__init__()
        self.tokenizers = tokenizers
        self.dropout = nn.Dropout(dropout)
        self.trunk = trunk
        self.head = nn.Linear(width, classes)

    def forward(self, **modalities: Tensor) -> Tensor:
        """Map one batch a modality to logits (n, classes)."""
        states = self.trunk(self.dropout(self.tokenizers.row(modalities)), self.tokenizers.present(modalities))
        out: Tensor = self.head(states)
        return out

    def tokens_of(self, path: str, modalities: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """A modality's own experts read its tokens alone; all others read every token."""
        return self.tokenizers.tokens_of(path, modalities)


def build(model: network.Model, moe: network.MoE, shapes: Mapping[str, tuple[int, ...]], classes: int) -> EarlyFusion:
    """Make the network for modalities of these shapes."""
    assert model.transformer is not None
    tokenizers = Joined(tokens.build(model.tokens, shapes, model.latent))
    trunk = Trunk(model.latent, model.transformer, moe, model.dropout, tokenizers.counts)
    return EarlyFusion(tokenizers, trunk, model.latent, model.dropout, classes)
