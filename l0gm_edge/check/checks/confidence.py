"""Confidence calibration on the device, after a temperature fitted for that artifact on validation."""

from __future__ import annotations

from l0gm_edge.check.limits import tighter, value_status
from l0gm_edge.core import scores
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Labelled, Measured
from l0gm_edge.core.verdict import Verdict


def check(evidence: Labelled) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact.

    Its scaled ECE is at most the dense model's scaled ECE plus the recipe's allowance, and within the profile's limit.
    """
    dense = scores.score(evidence.reference[Role.DENSE], evidence.labels)
    allowed = dense.ece_scaled + evidence.limits.max_ece_increase
    limit = tighter(allowed, evidence.hardware.budgets.max_ece)
    return tuple(_verdict(evidence, one, dense, limit) for one in evidence.of_role(Role.COMPRESSED))


def _verdict(evidence: Labelled, one: Measured, dense: scores.Scores, limit: float) -> Verdict:
    found = scores.score(one.outputs, evidence.labels)
    return Verdict(
        check="ece",
        artifact=one.artifact.name,
        status=value_status(found.ece_scaled, limit),
        value=found.ece_scaled,
        limit=limit,
        unit="ECE",
        reason=f"ECE {found.ece:.4f} becomes {found.ece_scaled:.4f} at temperature {found.temperature:.3f} (dense: "
        f"{dense.ece_scaled:.4f}); NLL {found.nll:.4f} becomes {found.nll_scaled:.4f}, Brier {found.brier:.4f} becomes "
        f"{found.brier_scaled:.4f}; the limit is {limit:.4f}",
        evidence=(one.artifact.sha256, *one.measurement.outputs_sha256.values()),
    )
