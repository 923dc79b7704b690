"""Graphs: two layers of GraphSAGE over a node and its sampled neighbours, as plain tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.models.encoders import Encoder

TAKES: tuple[str, ...] = ()


class GraphEncoder(Encoder):
    """GraphSAGE with mean aggregation (arXiv 1706.02216): what a node is and the mean of its neighbours, twice.

    A row (1 + neighbours, 1 + 2 features) holds the node first, then its neighbours, each as a mark that it is there,
    its own features and the mean of its own neighbours' features.
    """

    def __init__(self, columns: int, hidden: int, out: int, dropout: float) -> None:
        super().__init__()
        self.near = nn.Linear(columns - 1, hidden)
        self.dropout = nn.Dropout(dropout)
        self.interface = nn.Linear(2 * hidden, out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 1 + neighbours, 1 + 2 features) to (n, out)."""
        there = x[:, 1:, :1]
        states = self.near(self.dropout(x[:, :, 1:])).relu()
        around = (states[:, 1:] * there).sum(1) / there.sum(1).clamp(min=1.0)
        out: Tensor = self.interface(self.dropout(torch.cat([states[:, 0], around], dim=-1))).relu()
        return out


def build(config: network.Encoder, shape: tuple[int, ...]) -> GraphEncoder:
    """Make the encoder for rows of `shape` (1 + neighbours, 1 + 2 features)."""
    if len(shape) != 2 or shape[0] < 2 or shape[1] < 3 or shape[1] % 2 == 0:
        allowed = "(1 + neighbours, 1 + 2 features), with at least one of each"
        raise RecipeError(f"encoder 'graph' cannot read samples of shape {shape}", allowed=allowed)
    if len(config.widths) != 1:
        raise RecipeError(
            f"encoder 'graph' has {len(config.widths)} widths",
            allowed="one: a row holds neighbours of neighbours, which two layers read; the second is the interface",
        )
    return GraphEncoder(shape[1], config.widths[0], config.out, config.dropout)
