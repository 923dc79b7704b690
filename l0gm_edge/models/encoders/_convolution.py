"""What image and audio encoders share: convolutions that halve the picture, and an interface on a small grid."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from l0gm_edge.core import recipe as recipes
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.models.encoders import Encoder


class ConvolutionEncoder(Encoder):
    """3x3 convolution, batch normalisation and ReLU for each width, the second and later ones at half the size.

    The interface reads every position of the last map, averaged over 2x2 where it is large enough: where something
    stands matters in a digit and in a spectrogram.
    """

    def __init__(self, shape: tuple[int, int, int], widths: tuple[int, ...], out: int, dropout: float) -> None:
        super().__init__()
        channels, *size = shape
        layers: list[nn.Module] = []
        for depth, (before, width) in enumerate(zip((channels, *widths), widths, strict=False)):
            stride = 1 if depth == 0 else 2
            layers += [nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            size = [-(-extent // stride) for extent in size]
        self.body = nn.Sequential(*layers)
        self.pool = 2 if min(size) > 1 else 1
        self.dropout = nn.Dropout(dropout)
        self.interface = nn.Linear(widths[-1] * (size[0] // self.pool) * (size[1] // self.pool), out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, height, width) to (n, out)."""
        maps = F.avg_pool2d(self.body(x), self.pool)
        out: Tensor = self.interface(self.dropout(maps.flatten(1))).relu()
        return out


def build(name: str, config: recipes.Encoder, shape: tuple[int, ...]) -> ConvolutionEncoder:
    """Make the encoder for samples of `shape` (channels, height, width)."""
    smallest = 2 ** (len(config.widths) - 1)
    if len(shape) != 3 or min(shape[1:]) < smallest:
        allowed = f"(channels, height, width) with at least {smallest} rows and columns for {len(config.widths)} widths"
        raise RecipeError(f"encoder '{name}' cannot read samples of shape {shape}", allowed=allowed)
    return ConvolutionEncoder((shape[0], shape[1], shape[2]), config.widths, config.out, config.dropout)
