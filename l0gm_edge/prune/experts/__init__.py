"""Ways to choose which experts stay, one file each: by score, by enumeration, by chance, or merged into one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from torch import Tensor

from l0gm_edge.core import plugins
from l0gm_edge.models.moe import MoE

Group = tuple[int, ...]


@dataclass(frozen=True)
class Seen:
    """A layer of experts, and what it reads: rows (n, features) of each modality alone and of all together, by name.

    `gate` is each expert's learned score, where its gates have learned: (experts,).
    """

    layer: MoE
    rows: Mapping[str, Tensor]
    gate: Tensor | None
    seed: int


@dataclass(frozen=True)
class Choice:
    """One expert stays for each group, in the place of all its members; experts in no group go.

    `scores` are what the choice was made by, empty where there is no score of an expert; by them members of a group are
    averaged.
    """

    groups: tuple[Group, ...]
    scores: tuple[float, ...] = ()


class Way(Protocol):
    """What a file of this folder defines."""

    MOST: int | None
    """The most experts that it can choose among; null for any number."""
    LEARNED: bool
    """Whether it needs gates that have learned on the experts."""

    def choose(self, seen: Seen, keep: int) -> Choice:
        """Choose `keep` groups of a layer's experts."""


def plugin(name: str) -> Way:
    """The way of this name. Raises RecipeError when there is none."""
    return cast(Way, plugins.load(__name__, name))
