"""What the device could not run at all: neither passed nor failed."""

from __future__ import annotations

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Readings
from l0gm_edge.core.verdict import Status, Verdict


def check(evidence: Readings) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact that could not be run; none on the others, of which other checks speak."""
    return tuple(
        Verdict(
            check="measured",
            artifact=one.artifact.name,
            status=Status.INCONCLUSIVE,
            reason=f"not measured: {one.why}",
            evidence=(one.artifact.sha256,),
        )
        for one in evidence.unmeasured
        if one.artifact.role is Role.COMPRESSED
    )
