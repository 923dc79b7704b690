"""Images: a small convolutional network."""

from __future__ import annotations

from l0gm_edge.core import network
from l0gm_edge.models.encoders import _convolution

TAKES: tuple[str, ...] = ()


def build(config: network.Encoder, shape: tuple[int, ...]) -> _convolution.ConvolutionEncoder:
    """Make the encoder for samples of `shape` (channels, height, width)."""
    return _convolution.build("image", config, shape)
