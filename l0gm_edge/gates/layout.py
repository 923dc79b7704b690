"""All gates of a model as one flat vector: which entry each position of each layer's axis belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from l0gm_edge.core.site import Axis, Member, Site
from l0gm_edge.gates.layers import axis_width


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

    def axes(self, model: nn.Module) -> dict[tuple[str, Axis], Tensor]:
        """For every axis that a site touches, the entry of each of its positions: int64 (width,).

        Several sites may share one axis, as after a concatenation.
        """
        entries: dict[tuple[str, Axis], Tensor] = {}
        for site in self.sites:
            for member in site.members:
                if member.axis != "units":
                    key = member.module, member.axis
                    if key not in entries:
                        width = axis_width(model.get_submodule(member.module), member.axis)
                        entries[key] = torch.full((width,), self.units)
                    entries[key][list(member.positions)] = self._entries(site, member)
        return entries

    def _entries(self, site: Site, member: Member) -> Tensor:
        return torch.tensor(member.units) + self.offsets[site.name]
