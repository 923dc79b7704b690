"""Late fusion of transformers: every modality's tokens go through a transformer of their own; a head reads them all.

Each modality ends in an interface, a linear layer on the mean of its tokens.
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


class Tower(nn.Module):
    """One modality's transformer; (n, *shape) -> (n, width)."""

    def __init__(self, tokenizer: Tokenizer, trunk: Trunk, width: int, dropout: float) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.dropout = nn.Dropout(dropout)
        self.trunk = trunk
        self.interface = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map one modality's batch to its interface."""
        states = self.trunk(self.dropout(self.tokenizer(x)), self.tokenizer.present(x))
        out: Tensor = self.interface(states).relu()
        return out


class TowersFusion(Network):
    """A transformer a modality, and a linear head on what all of them give."""

    def __init__(self, towers: Mapping[str, Tower], width: int, dropout: float, classes: int) -> None:
        super().__init__()
        self.towers = nn.ModuleDict(dict(towers))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(len(towers) * width, classes)

    def forward(self, **modalities: Tensor) -> Tensor:
        """Map one batch a modality to logits (n, classes)."""
        interfaces = [tower(modalities[name]) for name, tower in self.towers.items()]
        out: Tensor = self.head(self.dropout(torch.cat(interfaces, dim=-1)))
        return out

    def interface_layers(self) -> frozenset[str]:
        """Paths of the layers that give each modality's classifier-facing interface."""
        return frozenset(f"towers.{name}.interface" for name in self.towers)

    def tokens_of(self, path: str, modalities: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """A tower's experts read its own modality's tokens."""
        name = path.split(".")[1]
        tower = self.towers[name]
        assert isinstance(tower, Tower)
        return {name: tower.tokenizer.present(modalities[name])}


def build(model: network.Model, moe: network.MoE, shapes: Mapping[str, tuple[int, ...]], classes: int) -> TowersFusion:
    """Make the network for modalities of these shapes."""
    assert model.transformer is not None
    width, dropout, transformer = model.latent, model.dropout, model.transformer
    towers = {
        name: Tower(tokenizer, Trunk(width, transformer, moe, dropout, {name: tokenizer.count}), width, dropout)
        for name, tokenizer in tokens.build(model.tokens, shapes, width).items()
    }
    return TowersFusion(towers, width, dropout, classes)
