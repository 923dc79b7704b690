"""The cut model gives the gated model's outputs, on random and on real inputs."""

from __future__ import annotations

from l0gm_edge.check.limits import finite, value_status
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.verdict import Status, Verdict

LIMIT = 1e-5


def check(evidence: Evidence) -> tuple[Verdict, ...]:
    """One verdict on the run: the largest difference, relative to the output scale, is at most 1e-5."""
    found = evidence.exactness
    limit = min(LIMIT, found.tolerance)
    status = value_status(found.worst, limit) if found.samples else Status.INCONCLUSIVE
    return (
        Verdict(
            check="exactness",
            artifact=None,
            status=status,
            value=finite(found.worst),
            limit=limit,
            unit="of output scale",
            reason=f"cut and gated outputs differ by {found.random_inputs:.2g} on random and {found.real_inputs:.2g} "
            f"on real inputs ({found.samples} samples); the limit is {limit:.0e}",
        ),
    )
