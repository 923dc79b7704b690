"""A quantized artifact is not slower than its fp32 twin; when it is, the operators that cost it are named.

Repeated timings of one file differ by up to 2 % (`NOISE`). So: FAIL when the ratio is above 1.02 and its whole interval
above 1; INCONCLUSIVE when it is above 1.02 and the interval holds 1; PASS otherwise.
"""

from __future__ import annotations

from l0gm_edge.check.limits import not_measured
from l0gm_edge.check.slow_operators import slow_operators
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import BASE_SCHEME, Measured, Readings, side_by_side
from l0gm_edge.core.latency import Estimate
from l0gm_edge.core.verdict import Status, Verdict

NOISE = 0.02


def check(evidence: Readings) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact that is not fp32 itself."""
    quantized = (one for one in evidence.of_role(Role.COMPRESSED) if one.artifact.scheme != BASE_SCHEME)
    return tuple(_verdict(one, evidence.float_twin(one)) for one in quantized)


def _verdict(one: Measured, twin: Measured | None) -> Verdict:
    found = side_by_side(one, twin) if twin else None
    if twin is None or found is None:
        reason = "it was not timed side by side with an fp32 twin" if twin else "it has no fp32 twin"
        return not_measured("never_slower", one.measurement, 1.0, "x fp32", reason)
    status = _status(found)
    told = (
        f"takes {found.value:.3f}x the time of {twin.artifact.name} (interval {found.low:.3f} to {found.high:.3f}; up "
        f"to {1 + NOISE} counts as noise)"
    )
    return Verdict(
        check="never_slower",
        artifact=one.artifact.name,
        status=status,
        value=found.value,
        limit=1.0,
        unit="x fp32",
        interval=(found.low, found.high),
        reason=told
        if status is Status.PASS
        else f"{told}; {slow_operators(one.measurement, twin.measurement, 'fp32')}",
        evidence=(one.artifact.sha256, twin.artifact.sha256),
    )


def _status(found: Estimate) -> Status:
    if found.value <= 1 + NOISE:
        return Status.PASS
    return Status.FAIL if found.low > 1 else Status.INCONCLUSIVE
