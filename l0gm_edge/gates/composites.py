"""Composite layers: those that name their own parts and sites, and torch's own attention, for which we do."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Axis, Composite, Member, Site


def as_composite(layer: nn.Module) -> Composite | None:
    """The layer itself, or a view of torch's own attention; None for any other layer."""
    if isinstance(layer, nn.MultiheadAttention):
        return Multihead(layer)
    return layer if isinstance(layer, Composite) else None


@dataclass(frozen=True)
class Multihead:
    """`nn.MultiheadAttention` as a composite layer: its embedding width in and out, and its heads."""

    layer: nn.MultiheadAttention

    @property
    def in_features(self) -> int:
        """Width of the queries; that of keys and values too, unless they have one of their own."""
        weight = self.layer.in_proj_weight if self.layer.in_proj_weight is not None else self.layer.q_proj_weight
        return int(weight.shape[1])

    @property
    def out_features(self) -> int:
        """Width of what the output projection gives."""
        return self.layer.out_proj.out_features

    def parts(self, axis: Axis) -> tuple[tuple[str, Axis], ...]:
        """The input projections read, the output projection gives."""
        if axis == "out":
            return (("out_proj", "out"),)
        return (("in_proj_weight" if self.layer.in_proj_weight is not None else "q_proj_weight", "1"),)

    def inner_sites(self) -> tuple[Site, ...]:
        """The heads."""
        heads, width = self.layer.num_heads, self.layer.out_proj.in_features
        positions = tuple(range(width))
        head_of = tuple(position // (width // heads) for position in positions)
        every = tuple(range(heads))
        members = [Member("", "units", every, every), Member("out_proj", "in", positions, head_of)]
        for name, dim in (("in_proj_weight", 0), ("in_proj_bias", 0), *((f"{x}_proj_weight", 0) for x in "qkv")):
            tensor = getattr(self.layer, name)
            if tensor is not None:
                times = tensor.shape[dim] // width
                members.append(Member(name, "0", tuple(range(times * width)), head_of * times))
        members += [
            Member(name, "2", positions, head_of)
            for name in ("bias_k", "bias_v")
            if getattr(self.layer, name) is not None
        ]
        return (Site("heads", SiteKind.HEADS, heads, tuple(members)),)

    def keep_units(self, units: tuple[int, ...]) -> None:
        """Keep these heads; the parameters are cut with them."""
        self.layer.num_heads = len(units)
