"""From kept units to a prune plan: the positions that stay on every axis of every layer."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from l0gm_edge.core.plan import PrunePlan, SiteCut, Slice
from l0gm_edge.core.site import Composite
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.session import Session


def make_plan(model: nn.Module, session: Session, kept: Tensor, gates: Tensor, base_sha256: str) -> PrunePlan:
    """The plan that keeps `kept` (bool, one a unit) with these gate values."""
    layout, size = session.layout, session.size
    everything = torch.ones(layout.units)
    alive = kept & _with_one(kept)[layout.parents()]
    probabilities = session.method.open_probability() if session.method else everything
    return PrunePlan(
        base_sha256=base_sha256,
        target=session.gates.target,
        units_requested=session.budget.limit if session.budget.counts_units else None,
        units_before=layout.units,
        units_after=int(alive.sum()),
        expected_active_fraction=session.expected_active_fraction,
        parameters_before=round(float(size.parameters(everything))),
        parameters_after=round(float(size.parameters(alive))),
        macs_before=round(float(size.macs(everything))),
        macs_after=round(float(size.macs(alive))),
        sites=tuple(_site_cuts(layout, alive, gates, probabilities)),
        slices=tuple(slices(model, layout, alive)),
    )


def slices(model: nn.Module, layout: Layout, alive: Tensor) -> Iterator[Slice]:
    """What stays of each axis, for plain layers first and then for the units of composite ones."""
    open_entry = _with_one(alive)
    for (path, axis), entries in layout.axes(model).items():
        layer = model.get_submodule(path)
        keep = tuple(torch.nonzero(open_entry[entries]).flatten().tolist())
        parts = [f"{path}.{part}" for part in layer.parts(axis)] if isinstance(layer, Composite) else [path]
        for part in parts:
            yield Slice(module=part, axis=axis, width=len(entries), keep=keep)
    for site in layout.sites:
        for member in site.members:
            if member.axis == "units":
                yield Slice(module=member.module, axis="units", width=site.width, keep=_open(alive, layout.span(site)))


def _site_cuts(layout: Layout, alive: Tensor, gates: Tensor, probabilities: Tensor) -> Iterator[SiteCut]:
    for site in layout.sites:
        span = layout.span(site)
        yield SiteCut(
            site=site.name,
            kind=site.kind,
            width=site.width,
            keep=_open(alive, span),
            gate=tuple((gates * alive)[span].tolist()),
            open_probability=tuple(probabilities[span].tolist()),
        )


def _open(alive: Tensor, span: slice) -> tuple[int, ...]:
    return tuple(torch.nonzero(alive[span]).flatten().tolist())


def _with_one(flags: Tensor) -> Tensor:
    return torch.cat([flags, flags.new_ones(1)])
