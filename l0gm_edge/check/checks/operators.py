"""What stands in the file: no operator outside the runtime's own set, no gate or mask left behind.

Operators that leave the runtime's fast path, as its float twin's do not, are named; whether that costs time is for
`never_slower` to say.
"""

from __future__ import annotations

from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.evidence import Measured, Readings
from l0gm_edge.core.verdict import Status, Verdict


def check(evidence: Readings) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact."""
    return tuple(_verdict(one, evidence.float_twin(one)) for one in evidence.of_role(Role.COMPRESSED))


def _verdict(one: Measured, twin: Measured | None) -> Verdict:
    problems = one.artifact.problems
    clean = "every operator is the runtime's own, and none is left over from gates" + _in_floats(one.artifact)
    before = twin.measurement.fallback_ops if twin else ()
    fallen = ", ".join(op for op in one.measurement.fallback_ops if op not in before)
    off = f"; off the runtime's fast path, unlike in fp32: {fallen}" if fallen else ""
    return Verdict(
        check="operators",
        artifact=one.artifact.name,
        status=Status.FAIL if problems else Status.PASS,
        value=float(len(problems)),
        limit=0.0,
        unit="problems",
        reason=("; ".join(problems) or clean) + off,
        evidence=(one.artifact.sha256,),
    )


def _in_floats(artifact: Artifact) -> str:
    """What of a file that computes in integers does not."""
    left = sum(artifact.float_ops.values())
    if not 0 < left < sum(artifact.ops.values()):
        return ""
    named = ", ".join(f"{name} ({count}x)" for name, count in artifact.float_ops.items())
    return f"; computed in floats: {named}"
