"""The prune stage: choose, cut, and prove that nothing else changed."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from l0gm_edge.core.hardware import ChannelMultiple
from l0gm_edge.core.plan import Exactness, PrunePlan
from l0gm_edge.core.recipe import SiteKind
from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.inputs import Example, Inputs
from l0gm_edge.gates.session import Session
from l0gm_edge.prune.cut import cut
from l0gm_edge.prune.plan import make_plan
from l0gm_edge.prune.verify import verify


@dataclass(frozen=True)
class Pruned:
    """The smaller model, the plan that made it, and how exactly it equals the gated one."""

    model: nn.Module
    plan: PrunePlan
    exactness: Exactness


def prune(
    model: nn.Module,
    session: Session,
    real: Example | Inputs,
    base_sha256: str,
    seed: int,
    kept: Tensor | None = None,
) -> Pruned:
    """Cut a model whose gates have learned; `real` inputs, one row a sample, prove it beside random ones.

    `kept` (bool, (units,)) is the session's own choice unless given. The session is closed: the gates come off the
    model. The plan is one of the model as it was before anything was cut.
    """
    gates = session.harden(session.choose() if kept is None else kept)
    plan = make_plan(session, gates, base_sha256)
    session.close()
    small = cut(model, session.layout, gates)
    gating = Gating(model, session.layout, lambda _training: gates)
    try:
        exactness = verify(model, small, real, seed)
    finally:
        gating.remove()
    counted = sum(parameter.numel() for parameter in small.parameters())
    return Pruned(small, plan.model_copy(update={"parameters_after": counted}), exactness)


def multiples(multiple: ChannelMultiple) -> dict[SiteKind, int]:
    """The profile's channel multiples by kind of site; heads and experts are counted singly."""
    linear = dict.fromkeys((SiteKind.INTERFACE, SiteKind.WIDTH, SiteKind.HIDDEN), multiple.linear)
    return linear | {SiteKind.CHANNELS: multiple.convolution, SiteKind.HEADS: 1, SiteKind.EXPERTS: 1}
