"""Latency percentiles against the hardware profile's budgets."""

from __future__ import annotations

from l0gm_edge.check.limits import not_measured, on_estimate
from l0gm_edge.check.steady import unsteady
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Measured, Readings
from l0gm_edge.core.latency import Estimate, block_percentile
from l0gm_edge.core.verdict import Verdict


def check(evidence: Readings) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact and budgeted percentile; INCONCLUSIVE when the machine was not steady."""
    budgets = (("p50", 50, evidence.hardware.budgets.p50_ms), ("p90", 90, evidence.hardware.budgets.p90_ms))
    return tuple(
        _percentile(evidence, one, name, q, limit)
        for one in evidence.of_role(Role.COMPRESSED)
        for name, q, limit in budgets
        if limit is not None
    )


def _percentile(evidence: Readings, one: Measured, name: str, q: float, limit_ms: float) -> Verdict:
    disturbance = unsteady(one.measurement, evidence.hardware)
    if disturbance:
        return not_measured(f"latency_{name}", one.measurement, limit_ms, "ms", disturbance)
    found = block_percentile(one.measurement.blocks, q)
    in_ms = found and Estimate(found.value / 1e6, found.low / 1e6, found.high / 1e6)
    return on_estimate(f"latency_{name}", one.measurement, in_ms, limit_ms, "ms", f"{name} latency")
