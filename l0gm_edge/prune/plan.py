"""From kept units to a prune plan: the positions that stay on every axis of every layer."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from l0gm_edge.core.plan import PrunePlan, SiteCut
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.session import Session
from l0gm_edge.gates.surgery import surgery


def make_plan(session: Session, gates: Tensor, base_sha256: str) -> PrunePlan:
    """The plan that keeps the units whose gates (units,) are open, as one of the model before anything was cut."""
    layout, size = session.base_layout, session.size
    everything = torch.ones(layout.units)
    gates = session.original(gates)
    open_units = layout.alive(gates != 0)
    probabilities = session.original(session.method.open_probability()) if session.method else everything
    return PrunePlan(
        base_sha256=base_sha256,
        target=session.gates.target,
        units_requested=session.budget.limit if session.budget.counts_units else None,
        units_before=layout.units,
        units_after=int(open_units.sum()),
        expected_active_fraction=session.expected_active_fraction,
        parameters_before=round(float(size.parameters(everything))),
        parameters_after=round(float(size.parameters(open_units))),
        macs_before=round(float(size.macs(everything))),
        macs_after=round(float(size.macs(open_units))),
        sites=tuple(_site_cuts(layout, open_units, gates, probabilities)),
        **dict(surgery(session.base_model, layout, open_units)),
    )


def _site_cuts(layout: Layout, open_units: Tensor, gates: Tensor, probabilities: Tensor) -> Iterator[SiteCut]:
    for site in layout.sites:
        span = layout.span(site)
        yield SiteCut(
            site=site.name,
            kind=site.kind,
            width=site.width,
            keep=_open(open_units, span),
            gate=tuple((gates * open_units)[span].tolist()),
            open_probability=tuple(probabilities[span].tolist()),
        )


def _open(open_units: Tensor, span: slice) -> tuple[int, ...]:
    return tuple(torch.nonzero(open_units[span]).flatten().tolist())
