"""Encoders, one file a modality; each defines `build(config, shape) -> Encoder`."""

from __future__ import annotations

from typing import Protocol, cast

from torch import nn

from l0gm_edge.core import plugins
from l0gm_edge.core import recipe as recipes


class Encoder(nn.Module):
    """Maps one modality's batch to its classifier-facing interface (n, out), which layer `interface` gives."""

    interface: nn.Linear


class EncoderPlugin(Protocol):
    """What a file of this folder defines."""

    def build(self, config: recipes.Encoder, shape: tuple[int, ...]) -> Encoder:
        """Make an encoder for samples of a shape. Raises RecipeError when the shape does not fit."""


def plugin(name: str) -> EncoderPlugin:
    """The encoder plug-in of this name. Raises RecipeError when there is none."""
    return cast(EncoderPlugin, plugins.load(__name__, name))
