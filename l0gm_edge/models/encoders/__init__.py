"""Encoders, one file a modality; each defines `build(config, shape) -> Encoder`, and what it `TAKES`."""

from __future__ import annotations

from typing import Protocol, cast

from torch import nn

from l0gm_edge.core import network, plugins
from l0gm_edge.core.errors import RecipeError

OPTIONS = ("attention", "vocabulary")
"""Keys of an encoder that not every one reads."""


class Encoder(nn.Module):
    """Maps one modality's batch to its classifier-facing interface (n, out), which layer `interface` gives."""

    interface: nn.Linear


class EncoderPlugin(Protocol):
    """What a file of this folder defines; `TAKES` are those of OPTIONS that it reads."""

    TAKES: tuple[str, ...]

    def build(self, config: network.Encoder, shape: tuple[int, ...]) -> Encoder:
        """Make an encoder for samples of a shape. Raises RecipeError when the shape does not fit."""


def build(config: network.Encoder, shape: tuple[int, ...]) -> Encoder:
    """Make the encoder that `config` names for samples of a shape.

    Raises RecipeError when there is none of this name, the shape does not fit, or an option is missing or not read.
    """
    plugin = cast(EncoderPlugin, plugins.load(__name__, config.encoder))
    given = {name for name in OPTIONS if getattr(config, name) is not None}
    for name in sorted(given ^ set(plugin.TAKES)):
        needs = name in plugin.TAKES
        raise RecipeError(
            f"encoder '{config.encoder}' {'needs' if needs else 'has no'} {name}",
            allowed=", ".join(("encoder", "widths", "out", "dropout", *plugin.TAKES)),
            todo=f"{'give' if needs else 'leave out'} the key {name}",
        )
    return plugin.build(config, shape)
