"""What a model's gates see of it, as a table for people."""

from __future__ import annotations

import torch

from l0gm_edge.core.description import Description, SiteRow, SkippedRow
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.gates.session import Session


def describe(session: Session, plan: PrunePlan | None = None) -> Description:
    """What can be cut, how much of it a plan keeps, and what cannot be cut and why."""
    everything = torch.ones(session.base_layout.units)
    kept = {cut.site: len(cut.keep) for cut in plan.sites} if plan else {}
    return Description(
        model=type(session.model).__name__,
        parameters=round(float(session.size.parameters(everything))),
        macs=round(float(session.size.macs(everything))),
        target=", ".join(f"{name} {value:,}" for name, value in session.gates.target if value is not None),
        sites=tuple(
            SiteRow(
                site=site.name,
                kind=site.kind,
                width=site.width,
                consumers=tuple(member.module for member in site.members if member.axis == "in"),
                kept=kept.get(site.name),
            )
            for site in session.base_layout.sites
        ),
        skipped=tuple(SkippedRow(module=one.module, width=one.width, reason=one.reason) for one in session.skipped),
    )
