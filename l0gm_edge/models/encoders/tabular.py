"""Tabular rows: a multilayer perceptron."""

from __future__ import annotations

from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.models.encoders import Encoder

TAKES: tuple[str, ...] = ()


class TabularEncoder(Encoder):
    """Linear and ReLU for each width, then the interface."""

    def __init__(self, features: int, widths: tuple[int, ...], out: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in zip((features, *widths), widths, strict=False):
            layers += [nn.Linear(before, width), nn.ReLU(), nn.Dropout(dropout)]
        self.body = nn.Sequential(*layers)
        self.interface = nn.Linear(widths[-1], out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, features) to (n, out)."""
        out: Tensor = self.interface(self.body(x)).relu()
        return out


def build(config: network.Encoder, shape: tuple[int, ...]) -> TabularEncoder:
    """Make the encoder for rows of `shape` (features,)."""
    if len(shape) != 1:
        raise RecipeError(f"encoder 'tabular' cannot read samples of shape {shape}", allowed="one axis: (features,)")
    return TabularEncoder(shape[0], config.widths, config.out, config.dropout)
