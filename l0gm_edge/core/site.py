"""Sites: what must be cut together, and which positions of which layers that touches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from l0gm_edge.core.recipe import SiteKind

Axis = Literal["in", "out", "units", "0", "1", "2", "3"]
CLOSED_LOGIT = -1e4
"""Router logit of a closed expert: far below any real one, and still finite in every runtime."""


@dataclass(frozen=True)
class Member:
    """One axis of one module that a site touches: position `positions[i]` of the axis belongs to unit `units[i]`.

    Axis `in` is read from the site (the module is a consumer), `out` carries it, and `units` counts whole parts of a
    composite layer (heads, experts). A digit is a dimension of a bare parameter, and `module` then is its path.
    """

    module: str
    axis: Axis
    positions: tuple[int, ...]
    units: tuple[int, ...]


@dataclass(frozen=True)
class Field:
    """An integer that a module's own code computes with, such as `num_heads`: `per_unit` times the units kept.

    `name` is dotted where the integer lies in a configuration object that the module holds (`config.hidden_size`).
    """

    module: str
    name: str
    per_unit: int


@dataclass(frozen=True)
class Site:
    """A dependency group of `width` units.

    `inside` names the unit of another site that this one lies within (an expert's hidden width); `modules` are the
    modules that the units are, where a unit is a whole module (an expert, a residual block); `fields` are the integers
    that change with its width. The gates of a `hard` site cannot be folded into weights: they end as 0 or 1. A residual
    block gives a tuple of `outputs` values, the first of which is gated, or a plain tensor where that is 0.
    """

    name: str
    kind: SiteKind
    width: int
    members: tuple[Member, ...]
    inside: tuple[str, int] | None = None
    modules: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    hard: bool = False
    outputs: int = 0


@dataclass(frozen=True)
class Skipped:
    """What cannot be gated: `width` units that this layer gives, and why."""

    module: str
    width: int
    reason: str


@runtime_checkable
class Composite(Protocol):
    """A layer whose inside tracing must not enter: it names its own parts and sites instead.

    `in_features` and `out_features` are the widths of its last axis; paths are relative to the layer.
    """

    @property
    def in_features(self) -> int:
        """Width of what it reads."""

    @property
    def out_features(self) -> int:
        """Width of what it gives."""

    def parts(self, axis: Axis) -> tuple[tuple[str, Axis], ...]:
        """The axes of modules and parameters inside that make up the layer's own `axis`."""

    def inner_sites(self) -> tuple[Site, ...]:
        """The sites inside the layer."""

    def keep_units(self, units: tuple[int, ...]) -> None:
        """Keep only these heads or experts."""


@runtime_checkable
class ReadsSeveral(Composite, Protocol):
    """A composite layer called with several tensors of the same units, the first `inputs` of its arguments: its `in`
    axis is the last of each of them."""

    @property
    def inputs(self) -> int:
        """How many."""
