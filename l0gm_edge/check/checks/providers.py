"""What ran on the execution provider that the profile asks for, and what ONNX Runtime left to the CPU."""

from __future__ import annotations

from l0gm_edge.check.limits import not_measured, value_status
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Measured, Readings
from l0gm_edge.core.measurement import ProviderShare
from l0gm_edge.core.opening import CPU_PROVIDER
from l0gm_edge.core.session import Session
from l0gm_edge.core.verdict import Verdict

UNIT = "of operator time"


def check(evidence: Readings) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact of a runtime that asks for another provider than the CPU."""
    runtimes = {one.name: one.session for one in evidence.hardware.runtimes if one.session.accelerated}
    return tuple(
        _verdict(one, runtimes[one.artifact.runtime])
        for one in evidence.of_role(Role.COMPRESSED)
        if one.artifact.runtime in runtimes
    )


def _verdict(one: Measured, session: Session) -> Verdict:
    found, limit = one.measurement.providers, session.max_cpu_share
    whole = sum(share.ns for share in found)
    if not whole:
        return not_measured("providers", one.measurement, limit, UNIT, "nothing tells which provider ran its operators")
    on_cpu = sum(share.ns for share in found if share.provider == CPU_PROVIDER) / whole
    fallen = f" ({', '.join(one.measurement.fallback_ops)})" if one.measurement.fallback_ops else ""
    return Verdict(
        check="providers",
        artifact=one.artifact.name,
        status=value_status(on_cpu, limit),
        value=on_cpu,
        limit=limit,
        unit=UNIT,
        reason=f"{'; '.join(_told(share, found) for share in found)}; the CPU may take {limit:.0%} of the time{fallen}",
        evidence=(one.artifact.sha256,),
    )


def _told(share: ProviderShare, among: tuple[ProviderShare, ...]) -> str:
    nodes, ns = sum(one.nodes for one in among), sum(one.ns for one in among)
    name = share.provider.removesuffix("ExecutionProvider")
    return f"{name} ran {share.nodes} of {nodes} nodes, {share.ns / ns:.0%} of the operators' time"
