"""Late fusion: one encoder a modality, a shared latent, a mixture of experts, a classifier head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.models import encoders
from l0gm_edge.models.fusion import Network
from l0gm_edge.models.moe import MoE
from l0gm_edge.models.routing import mixture

TAKES = ("encoders",)
Kind = TypeVar("Kind", bound="LateFusion")


class LateFusion(Network):
    """Concatenates every modality's interface into a shared latent, refines it by experts, and classifies."""

    def __init__(
        self, encoders: Mapping[str, encoders.Encoder], latent: int, dropout: float, moe: MoE, classes: int
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(dict(encoders))
        self.fusion = nn.Linear(self.joined_width([one.interface.out_features for one in encoders.values()]), latent)
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
        out: Tensor = self.dropout(self.fusion(self.joined(interfaces)).relu())
        return out

    @staticmethod
    def joined_width(widths: Sequence[int]) -> int:
        """The width of interfaces of these widths, joined."""
        return sum(widths)

    @staticmethod
    def joined(interfaces: Sequence[Tensor]) -> Tensor:
        """Every modality's interface, (n, width) each, as one (n, joined width)."""
        return torch.cat(list(interfaces), dim=-1)

    def interface_layers(self) -> frozenset[str]:
        """Paths of the layers that give each modality's classifier-facing interface."""
        return frozenset(f"encoders.{name}.interface" for name in self.encoders)


def build(model: network.Model, moe: network.MoE, shapes: Mapping[str, tuple[int, ...]], classes: int) -> LateFusion:
    """Make the network for modalities of these shapes."""
    return assembled(LateFusion, model, moe, shapes, classes)


def assembled(
    kind: type[Kind], model: network.Model, moe: network.MoE, shapes: Mapping[str, tuple[int, ...]], classes: int
) -> Kind:
    """A network of this kind from its encoders and experts."""
    parts = {name: encoders.build(model.encoders[name], shapes[name]) for name in sorted(shapes)}
    experts = mixture(model.latent, moe, moe.experts)
    return kind(parts, model.latent, model.dropout, experts, classes)
