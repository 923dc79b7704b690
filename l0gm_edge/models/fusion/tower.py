"""One tower: the same transformer reads every modality by itself and gives each a place in one shared space.

As in LIMoE (arXiv 2206.02770): a linear layer a modality makes tokens, the blocks and their experts are the same for
all, the router is not told what a token is, tokens attend within their modality, and the mean of each modality's states
goes through a linear layer of its own into the shared space. All modalities lie in one row of tokens, so that experts
with little room serve them in one queue. A linear head reads the mean of the places: the modalities that are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log

import torch
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.models import tokens
from l0gm_edge.models.fusion import Network
from l0gm_edge.models.tokens import Joined
from l0gm_edge.models.transformer import attention_bias
from l0gm_edge.models.trunk import Trunk, pooled

TAKES = ("tokens", "transformer")
APART = -2e4
"""Added to the attention scores of another modality's tokens: lower than of absent ones of the same."""
START = 1 / 0.07
"""What cosines are multiplied by at first, the inverse of the temperature (as in CLIP, arXiv 2103.00020)."""
SMALLEST = 1e-6


class Space(nn.Module):
    """Every modality's place in the shared space, (n, modalities, width), each of mean square 1; of (n, modalities,
    width)."""

    def __init__(self, names: tuple[str, ...], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleDict({name: nn.Linear(width, width) for name in names})

    def forward(self, states: Tensor) -> Tensor:
        """Place the mean states of the modalities."""
        placed = [project(states[:, at]) for at, project in enumerate(self.project.values())]
        places = torch.stack(placed, dim=1)
        return places * torch.rsqrt(places.square().mean(-1, keepdim=True) + SMALLEST)


class TowerFusion(Network):
    """One transformer for all modalities; `space` gives their places, of which the cosines, times the exponential of
    `sharpness`, tell what belongs together."""

    def __init__(self, tokenizers: Joined, trunk: Trunk, width: int, dropout: float, classes: int) -> None:
        super().__init__()
        self.tokenizers = tokenizers
        self.dropout = nn.Dropout(dropout)
        self.trunk = trunk
        self.space = Space(tuple(tokenizers), width)
        self.head = nn.Linear(width, classes)
        self.sharpness = nn.Parameter(torch.tensor(log(START)))

    def forward(self, **modalities: Tensor) -> Tensor:
        """Map one batch a modality to logits (n, classes)."""
        return self.classify(self.places(**modalities))

    def classify(self, places: Tensor) -> Tensor:
        """Map places (n, modalities, width) to logits (n, classes)."""
        out: Tensor = self.head(places.mean(1))
        return out

    def places(self, **modalities: Tensor) -> Tensor:
        """Map one batch a modality to its place in the shared space: (n, modalities, width), in order of `names`."""
        present = self.tokenizers.present(modalities)
        bias = attention_bias(present) + self._apart(present)
        states = self.trunk.states(self.dropout(self.tokenizers.row(modalities)), present, bias)
        counts = list(self.tokenizers.counts.values())
        pairs = zip(torch.split(states, counts, dim=1), torch.split(present, counts, dim=1), strict=True)
        out: Tensor = self.space(torch.stack([pooled(*pair) for pair in pairs], dim=1))
        return out

    def interface_layers(self) -> frozenset[str]:
        """Paths of the layers that give each modality's place, before its length is made 1."""
        return frozenset(f"space.project.{name}" for name in self.names)

    def tokens_of(self, path: str, modalities: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """A modality's own experts read its tokens alone; all others read every token."""
        return self.tokenizers.tokens_of(path, modalities)

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities, in order."""
        return tuple(self.tokenizers)

    def _apart(self, like: Tensor) -> Tensor:
        """What keeps tokens from looking at other modalities: (tokens, tokens)."""
        modality = self.trunk.modality
        return (modality[:, None] != modality).to(like.dtype) * APART


def build(model: network.Model, moe: network.MoE, shapes: Mapping[str, tuple[int, ...]], classes: int) -> TowerFusion:
    """Make the network for modalities of these shapes."""
    assert model.transformer is not None
    tokenizers = Joined(tokens.build(model.tokens, shapes, model.latent))
    trunk = Trunk(model.latent, model.transformer, moe, model.dropout, tokenizers.counts)
    return TowerFusion(tokenizers, trunk, model.latent, model.dropout, classes)
