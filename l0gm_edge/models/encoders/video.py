"""Short video: a small convolutional network on each frame and the next, then a transformer block over them.

Two frames a token, as in the tubelets of ViViT (arXiv 2103.15691), but overlapping: convolutions then see what moved,
which attention over what each frame shows by itself hardly learns.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.models.encoders import Encoder, _convolution
from l0gm_edge.models.transformer import Block, gelu_layers

TAKES = ("attention",)
TOGETHER = 2
"""Frames that one token shows."""


class VideoEncoder(Encoder):
    """Convolutions over each frame and the next, one token each with its place in time, a block, an interface on the
    mean token."""

    def __init__(self, shape: tuple[int, int, int, int], config: network.Encoder) -> None:
        super().__init__()
        assert config.attention is not None
        width, heads = config.attention.width, config.attention.heads
        frames, channels, *size = shape
        self.body = _convolution.body(TOGETHER * channels, config.widths)
        self.pool, positions = _convolution.grid(size, len(config.widths))
        self.token = nn.Linear(config.widths[-1] * positions, width)
        self.position = nn.Parameter(torch.randn(frames - TOGETHER + 1, width) * 0.02)
        self.block = Block(width, heads, gelu_layers(width, 2 * width), config.dropout)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.interface = nn.Linear(width, config.out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, frames, channels, height, width) to (n, out)."""
        pairs = torch.cat([x[:, :-1], x[:, 1:]], dim=2)
        maps = F.avg_pool2d(self.body(pairs.flatten(0, 1)), self.pool)
        tokens = self.token(self.dropout(maps.flatten(1))).view(*pairs.shape[:2], -1)
        states = self.norm(self.block(tokens + self.position)).mean(1)
        out: Tensor = self.interface(states).relu()
        return out


def build(config: network.Encoder, shape: tuple[int, ...]) -> VideoEncoder:
    """Make the encoder for samples of `shape` (frames, channels, height, width)."""
    _convolution.require_maps("video", shape, ("frames", "channels", "height", "width"), config.widths)
    if shape[0] < TOGETHER:
        raise RecipeError(f"encoder 'video' cannot read samples of shape {shape}", allowed=f"{TOGETHER} or more frames")
    return VideoEncoder((shape[0], shape[1], shape[2], shape[3]), config)
