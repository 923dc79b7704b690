"""How a modality becomes tokens of one width: patches through a linear layer, or ids looked up.

One linear layer a modality and no convolutions, as in early-fusion models (arXiv 2504.07951), unless a `stem` of
convolutions is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l0gm_edge.core import network
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.models.encoders._convolution import body

PADDING = 0
MAP_DIMENSIONS = 3


class Tokenizer(nn.Module):
    """Maps one modality's batch to tokens (n, count, width), with what tells their places added.

    `present` is 1 for tokens that are there and 0 for those that only pad, (n, count).
    """

    count: int

    def present(self, x: Tensor) -> Tensor:
        """Which tokens of a batch are there: (n, count)."""
        return x.new_ones(len(x), self.count)


class Words(Tokenizer):
    """Ids (n, count), 0 padding, looked up."""

    def __init__(self, count: int, vocabulary: int, width: int) -> None:
        super().__init__()
        self.count = count
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.position = nn.Parameter(torch.randn(count, width) * 0.02)
        nn.init.normal_(self.embedding.weight, std=0.05)
        with torch.no_grad():
            self.embedding.weight[PADDING] = 0

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, count) to (n, count, width)."""
        out: Tensor = self.embedding(x) + self.position
        return out

    def present(self, x: Tensor) -> Tensor:
        """1 where an id is not padding: (n, count)."""
        return (x != PADDING).to(self.position.dtype)


class Patches(Tokenizer):
    """Patches of maps (n, channels, height, width), or of `patch` entries in a row (n, ..., features), through one
    linear layer; what is left over at an end is filled up with zeros."""

    def __init__(self, shape: tuple[int, ...], patch: int, width: int) -> None:
        super().__init__()
        self.patch = patch
        self.is_map = len(shape) == MAP_DIMENSIONS
        self.fill: tuple[int, ...]
        if self.is_map:
            channels, high, wide = shape
            down, across = -(-high // patch), -(-wide // patch)
            self.grid, self.fill = (channels, down, across), (0, across * patch - wide, 0, down * patch - high)
            self.count, entries = down * across, channels * patch * patch
        else:
            pieces = -(-shape[-1] // patch)
            self.fill = (0, pieces * patch - shape[-1])
            self.count, entries = pieces * (shape[0] if len(shape) > 1 else 1), patch
        self.project = nn.Linear(entries, width)
        self.position = nn.Parameter(torch.randn(self.count, width) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, *shape) to (n, count, width)."""
        x = F.pad(x, self.fill) if any(self.fill) else x
        if self.is_map:
            channels, down, across = self.grid
            pieces = x.reshape(len(x), channels, down, self.patch, across, self.patch).permute(0, 2, 4, 1, 3, 5)
            x = pieces.reshape(len(x), self.count, self.project.in_features)
        else:
            x = x.reshape(len(x), self.count, self.patch)
        out: Tensor = self.project(x) + self.position
        return out


class Regions(Tokenizer):
    """Patches of what convolutions make of maps (n, channels, height, width): what a region shows, not its pixels."""

    def __init__(self, shape: tuple[int, ...], stem: Sequence[int], patch: int, width: int) -> None:
        super().__init__()
        channels, *size = shape
        self.stem = body(channels, stem)
        down, across = (-(-extent // 2 ** (len(stem) - 1)) // patch for extent in size)
        self.count = down * across
        self.project = nn.Conv2d(stem[-1], width, patch, patch)
        self.position = nn.Parameter(torch.randn(self.count, width) * 1.0)  # to be heard beside what is there

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, height, width) to (n, count, width)."""
        out: Tensor = self.project(self.stem(x)).flatten(2).transpose(1, 2) + self.position
        return out


class Joined(nn.ModuleDict):
    """Tokenizers by modality, whose tokens lie in one row, modality after modality."""

    def __init__(self, tokenizers: Mapping[str, Tokenizer]) -> None:
        super().__init__(dict(tokenizers))
        self.counts = {name: tokenizer.count for name, tokenizer in tokenizers.items()}

    def row(self, modalities: Mapping[str, Tensor]) -> Tensor:
        """The tokens of one batch a modality: (n, tokens, width)."""
        return torch.cat([tokenizer(modalities[name]) for name, tokenizer in self.items()], dim=1)

    def present(self, modalities: Mapping[str, Tensor]) -> Tensor:
        """Which tokens are there, 1 or 0: (n, tokens)."""
        return torch.cat(list(self._present(modalities).values()), dim=1)

    def tokens_of(self, path: str, modalities: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Which tokens, of those that the experts at `path` read, are of each modality and there: a modality's own
        experts read its tokens alone, all others read every token."""
        present, owner = self._present(modalities), path.rpartition(".")[2]
        if owner in present:
            return {owner: present[owner]}
        return {
            name: torch.cat([one if other == name else torch.zeros_like(one) for other, one in present.items()], dim=1)
            for name in present
        }

    def _present(self, modalities: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {}
        for name, tokenizer in self.items():
            assert isinstance(tokenizer, Tokenizer)
            found[name] = tokenizer.present(modalities[name])
        return found


def build(
    configs: Mapping[str, network.Tokens], shapes: Mapping[str, tuple[int, ...]], width: int
) -> dict[str, Tokenizer]:
    """Make every modality's tokenizer, in order of their names. Raises RecipeError where a shape does not fit."""
    return {name: _one(name, configs[name], shapes[name], width) for name in sorted(shapes)}


def _one(name: str, config: network.Tokens, shape: tuple[int, ...], width: int) -> Tokenizer:
    if config.vocabulary is not None:
        if len(shape) != 1:
            raise _unfit(name, shape, "(tokens,)")
        return Words(shape[0], config.vocabulary, width)
    assert config.patch is not None
    if not 1 <= len(shape) <= MAP_DIMENSIONS:
        raise _unfit(name, shape, "(features,), (steps, features) or (channels, height, width)")
    if config.stem:
        if len(shape) != MAP_DIMENSIONS or min(shape[1:]) < config.patch * 2 ** (len(config.stem) - 1):
            raise _unfit(name, shape, "(channels, height, width), large enough for stem and patch")
        return Regions(shape, config.stem, config.patch, width)
    return Patches(shape, config.patch, width)


def _unfit(name: str, shape: tuple[int, ...], allowed: str) -> RecipeError:
    return RecipeError(f"model.tokens.{name}: cannot read samples of shape {shape}", allowed=allowed)
