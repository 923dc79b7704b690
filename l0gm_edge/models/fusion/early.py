"""Early fusion: the tokens of all modalities, in one row, go through one transformer; a head reads their mean.

As in native multimodal models (arXiv 2504.07951): no encoders, one linear layer turns a modality into tokens.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.models import tokens
from l0gm_edge.models.fusion import Network
from l0gm_edge.models.tokens import Tokenizer
from l0gm_edge.models.trunk import Trunk

TAKES = ("tokens", "transformer")


class EarlyFusion(Network):
    """One transformer over the tokens of all modalities, and a linear head."""

    def __init__(self, tokenizers: Mapping[str, Tokenizer], trunk: Trunk, width: int, dropout: float, classes: int):
        super().__init__()
        self.tokenizers = nn.ModuleDict(dict(tokenizers))
        self.dropout = nn.Dropout(dropout)
        self.trunk = trunk
        self.head = nn.Linear(width, classes)

    def forward(self, **modalities: Tensor) -> Tensor:
        """Map one batch a modality to logits (n, classes)."""
        parts = [tokenizer(modalities[name]) for name, tokenizer in self.tokenizers.items()]
        out: Tensor = self.head(self.trunk(self.dropout(torch.cat(parts, dim=1)), self.present(modalities)))
        return out

    def present(self, modalities: Mapping[str, Tensor]) -> Tensor:
        """Which tokens are there, 1 or 0: (n, tokens)."""
        return torch.cat(list(self._present(modalities).values()), dim=1)

    def _present(self, modalities: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {}
        for name, tokenizer in self.tokenizers.items():
            assert isinstance(tokenizer, Tokenizer)
            found[name] = tokenizer.present(modalities[name])
        return found

    def tokens_of(self, path: str, modalities: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """A modality's own experts read its tokens alone; all others read every token."""
        present, owner = self._present(modalities), path.rpartition(".")[2]
        if owner in present:
            return {owner: present[owner]}
        return {
            name: torch.cat([one if other == name else torch.zeros_like(one) for other, one in present.items()], dim=1)
            for name in present
        }


def build(model: network.Model, moe: network.MoE, shapes: Mapping[str, tuple[int, ...]], classes: int) -> EarlyFusion:
    """Make the network for modalities of these shapes."""
    assert model.transformer is not None
    tokenizers = tokens.build(model.tokens, shapes, model.latent)
    counts = {name: tokenizer.count for name, tokenizer in tokenizers.items()}
    trunk = Trunk(model.latent, model.transformer, moe, model.dropout, counts)
    return EarlyFusion(tokenizers, trunk, model.latent, model.dropout, classes)
