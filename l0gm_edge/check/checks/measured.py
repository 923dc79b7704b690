"""Whether the device could run an artifact at all: what was not measured has neither passed nor failed."""

from __future__ import annotations

from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.evidence import Readings
from l0gm_edge.core.verdict import MEASURED, Status, Verdict


def check(evidence: Readings) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact; INCONCLUSIVE for those that could not be run, and why."""
    ran = (
        _verdict(one.artifact, Status.PASS, f"it ran on the device, by {one.measurement.runtime_version}")
        for one in evidence.of_role(Role.COMPRESSED)
    )
    lost = (
        _verdict(one.artifact, Status.INCONCLUSIVE, f"not measured: {one.why}")
        for one in evidence.unmeasured
        if one.artifact.role is Role.COMPRESSED
    )
    return (*ran, *lost)


def _verdict(artifact: Artifact, status: Status, reason: str) -> Verdict:
    return Verdict(check=MEASURED, artifact=artifact.name, status=status, reason=reason, evidence=(artifact.sha256,))
