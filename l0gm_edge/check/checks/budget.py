"""The target in milliseconds, held against what the compiled files took in the end: not against what sized them."""

from __future__ import annotations

from l0gm_edge.check.limits import not_measured, on_estimate
from l0gm_edge.check.steady import unsteady
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Evidence, Measured
from l0gm_edge.core.latency import Estimate, block_percentile
from l0gm_edge.core.plan import Sized
from l0gm_edge.core.verdict import Verdict

ALLOWED = 0.05
"""How much longer than asked for still counts as met: two measurements of one file may differ by as much."""


def check(evidence: Evidence) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact of each runtime that the model was sized for; none for other targets."""
    sized = {one.runtime: one for one in evidence.plan.latency}
    return tuple(
        _verdict(evidence, one, sized[one.artifact.runtime])
        for one in evidence.of_role(Role.COMPRESSED)
        if one.artifact.runtime in sized
    )


def _verdict(evidence: Evidence, one: Measured, sized: Sized) -> Verdict:
    requested = _requested_ms(evidence, one, sized)
    limit = (1 + ALLOWED) * requested
    if disturbance := unsteady(one.measurement, evidence.hardware):
        return not_measured("budget", one.measurement, limit, "ms", disturbance)
    found = block_percentile(one.measurement.blocks, sized.percentile)
    in_ms = found and Estimate(found.value / 1e6, found.low / 1e6, found.high / 1e6)
    what = f"p{sized.percentile} latency, {requested:.4g} ms asked for and {ALLOWED:.0%} more allowed,"
    return on_estimate("budget", one.measurement, in_ms, limit, "ms", what)


def _requested_ms(evidence: Evidence, one: Measured, sized: Sized) -> float:
    """What was asked for; a fraction is one of the dense model's latency above the floor's in the same session."""
    fraction = evidence.plan.target.latency_fraction
    dense, floor = (_p50_ms(evidence, one, role) for role in (Role.DENSE, Role.FLOOR))
    if fraction is None or dense is None or floor is None:
        return sized.requested_ms
    return floor + fraction * (dense - floor)


def _p50_ms(evidence: Evidence, one: Measured, role: Role) -> float | None:
    twin = evidence.float_twin(one, role)
    found = block_percentile(twin.measurement.blocks, 50) if twin else None
    return found.value / 1e6 if found else None
