"""All gates of a model as one flat vector: which entry each position of each layer's axis belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.core.site import Axis, Member, Site
from l0gm_edge.gates.layers import axis_width

Place = tuple[str, Axis]
"""An axis of a module, or a dimension of a bare parameter, by path."""


@dataclass(frozen=True)
class Layout:
    """Sites side by side in one vector; the entry one past its end, `units`, stands for "always open"."""

    sites: tuple[Site, ...]
    offsets: dict[str, int]
    units: int

    @classmethod
    def of(cls, sites: Sequence[Site]) -> Layout:
        """Lay the sites out in the order given."""
        offsets, total = {}, 0
        for site in sites:
            offsets[site.name] = total
            total += site.width
        return cls(tuple(sites), offsets, total)

    @property
    def hard(self) -> Tensor:
        """Which gates cannot be folded into weights, so that they must end as 0 or 1: bool (units,)."""
        flags = [torch.full((site.width,), site.hard) for site in self.sites]
        return torch.cat([*flags, torch.zeros(0, dtype=torch.bool)])

    def span(self, site: Site) -> slice:
        """The site's entries."""
        start = self.offsets[site.name]
        return slice(start, start + site.width)

    def parents(self) -> Tensor:
        """For each unit the entry it lies inside of (the expert of a hidden unit), or `units`: int64 (units,)."""
        parents = torch.full((self.units,), self.units)
        for site in self.sites:
            if site.inside is not None:
                outer, unit = site.inside
                if outer in self.offsets:
                    parents[self.span(site)] = self.offsets[outer] + unit
        return parents

    def alive(self, gates: Tensor) -> Tensor:
        """These gates (units,), closed where the expert or block that a unit lies inside of is closed."""
        parents = self.parents()
        while True:
            inherited = gates * torch.cat([gates, gates.new_ones(1)])[parents].ne(0)
            if torch.equal(inherited, gates):
                return gates
            gates = inherited

    def axes(self, model: nn.Module) -> dict[Place, Tensor]:
        """For every axis that a site touches, the entry of each of its positions: int64 (width,).

        Several sites may share one axis, as after a concatenation. Only layers and bare parameters have axes here;
        whole blocks are in `blocks`.
        """
        entries: dict[Place, Tensor] = {}
        for site in self.sites:
            for member in site.members:
                if member.axis != "units":
                    key = member.module, member.axis
                    if key not in entries:
                        entries[key] = torch.full((place_width(model, key),), self.units)
                    entries[key][torch.tensor(member.positions)] = self._entries(site, member)
        return entries

    def blocks(self) -> dict[str, int]:
        """The entry of every residual block, by path."""
        return {
            module: self.offsets[site.name] + unit
            for site in self.sites
            if site.kind is SiteKind.BLOCKS
            for unit, module in enumerate(site.modules)
        }

    def _entries(self, site: Site, member: Member) -> Tensor:
        return torch.tensor(member.units) + self.offsets[site.name]


def place_width(model: nn.Module, place: Place) -> int:
    """The length of an axis; 0 when the layer has none that can be cut. Raises AttributeError when nothing is there."""
    path, axis = place
    if axis.isdigit():
        return bare(model, path).shape[int(axis)]
    return axis_width(model.get_submodule(path), axis)


def bare(model: nn.Module, path: str) -> Tensor:
    """The parameter or buffer at a path. Raises AttributeError when there is none."""
    owner, _, name = path.rpartition(".")
    found = getattr(model.get_submodule(owner), name)
    if not isinstance(found, Tensor):
        raise AttributeError(path)
    return found
