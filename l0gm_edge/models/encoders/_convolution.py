"""What image and audio encoders share: convolutions that halve the picture, then a pooled interface."""

from __future__ import annotations

from torch import Tensor, nn

from l0gm_edge.core import recipe as recipes
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.models.encoders import Encoder


class ConvolutionEncoder(Encoder):
    """3x3 convolution, batch normalisation and ReLU for each width; pooled to a grid and read by the interface."""

    def __init__(self, channels: int, widths: tuple[int, ...], out: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for depth, (before, width) in enumerate(zip((channels, *widths), widths, strict=False)):
            stride = 1 if depth == 0 else 2
            layers += [nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.interface = nn.Linear(widths[-1], out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, height, width) to (n, out)."""
        out: Tensor = self.interface(self.dropout(self.body(x).mean((2, 3)))).relu()
        return out


def build(name: str, config: recipes.Encoder, shape: tuple[int, ...]) -> ConvolutionEncoder:
    """Make the encoder for samples of `shape` (channels, height, width)."""
    smallest = 2 ** (len(config.widths) - 1)
    if len(shape) != 3 or min(shape[1:]) < smallest:
        allowed = f"(channels, height, width) with at least {smallest} rows and columns for {len(config.widths)} widths"
        raise RecipeError(f"encoder '{name}' cannot read samples of shape {shape}", allowed=allowed)
    return ConvolutionEncoder(shape[0], config.widths, config.out, config.dropout)
