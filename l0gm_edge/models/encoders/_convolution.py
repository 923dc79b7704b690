"""What encoders of maps share: convolutions that halve the map, and an interface on a small grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from l0gm_edge.core import network
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
        self.body = body(channels, widths)
        self.pool, positions = grid(size, len(widths))
        self.dropout = nn.Dropout(dropout)
        self.interface = nn.Linear(widths[-1] * positions, out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, height, width) to (n, out)."""
        maps = F.avg_pool2d(self.body(x), self.pool)
        out: Tensor = self.interface(self.dropout(maps.flatten(1))).relu()
        return out


def body(channels: int, widths: Sequence[int]) -> nn.Sequential:
    """A convolution with its norm and ReLU for each width; the second and later ones halve the map."""
    layers: list[nn.Module] = []
    for depth, (before, width) in enumerate(zip((channels, *widths), widths, strict=False)):
        stride = 1 if depth == 0 else 2
        layers += [nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers)


def grid(size: Sequence[int], depth: int) -> tuple[int, int]:
    """What the last of `depth` maps is averaged over, and how many positions are left of it."""
    for _ in range(depth - 1):
        size = [-(-extent // 2) for extent in size]
    pool = 2 if min(size) > 1 else 1
    return pool, (size[0] // pool) * (size[1] // pool)


def require_maps(name: str, shape: tuple[int, ...], axes: tuple[str, ...], widths: Sequence[int]) -> None:
    """Refuse samples whose shape has not these axes, the last two of them long enough for so many halvings."""
    smallest = 2 ** (len(widths) - 1)
    if len(shape) != len(axes) or min(shape[-2:]) < smallest:
        allowed = f"({', '.join(axes)}) with at least {smallest} rows and columns for {len(widths)} widths"
        raise RecipeError(f"encoder '{name}' cannot read samples of shape {shape}", allowed=allowed)


def build(name: str, config: network.Encoder, shape: tuple[int, ...]) -> ConvolutionEncoder:
    """Make the encoder for samples of `shape` (channels, height, width)."""
    require_maps(name, shape, ("channels", "height", "width"), config.widths)
    return ConvolutionEncoder((shape[0], shape[1], shape[2]), config.widths, config.out, config.dropout)
