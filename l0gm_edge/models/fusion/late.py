"""Late fusion: one encoder a modality, a shared latent, a mixture of experts, a classifier head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.models import encoders
from l0gm_edge.models.fusion import Network
from l0gm_edge.models.moe import MoE
from l0gm_edge.models.routing import mixture

TAKES = ("encoders",)


class LateFusion(Network):
    """Concatenates every modality's interface into a shared latent, refines it by experts, and classifies."""

    def __init__(
        self, encoders: Mapping[str, encoders.Encoder], latent: int, dropout: float, moe: MoE, classes: int
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(dict(encoders))
        self.fusion = nn.Linear(sum(encoder.interface.out_features for encoder in encoders.values()), latent)
        self.dropout = nn.Dropout(dropout)
        self.moe = moe
        self.head = nn.Linear(latent, classes)

    def forward(self, **modalities: Tensor) -> Tensor:
        """Map one batch a modality to logits (n, classes)."""
        latent = self.latent(**modalities)
        out: Tensor = self.head(latent + self.moe(latent))
        return out

    def latent(self, **modalities: Tensor) -> Tensor:
        """The shared latent (n, latent), which the experts read."""
        interfaces = [encoder(modalities[name]) for name, encoder in self.encoders.items()]
        out: Tensor = self.dropout(self.fusion(torch.cat(interfaces, dim=-1)).relu())
        return out

    def interface_layers(self) -> frozenset[str]:
        """Paths of the layers that give each modality's classifier-facing interface."""
        return frozenset(f"encoders.{name}.interface" for name in self.encoders)


def build(model: network.Model, moe: network.MoE, shapes: Mapping[str, tuple[int, ...]], classes: int) -> LateFusion:
    """Make the network for modalities of these shapes."""
    parts = {name: encoders.build(model.encoders[name], shapes[name]) for name in sorted(shapes)}
    experts = mixture(model.latent, moe, moe.experts)
    return LateFusion(parts, model.latent, model.dropout, experts, classes)
