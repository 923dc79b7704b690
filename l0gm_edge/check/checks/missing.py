"""Accuracy with one modality missing, against the dense model's without the same one."""

from __future__ import annotations

from l0gm_edge.check.checks.accuracy import ROUNDING
from l0gm_edge.check.limits import value_status
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.subsets import Given
from l0gm_edge.core.verdict import Verdict


def check(evidence: Evidence) -> tuple[Verdict, ...]:
    """A verdict on the run, where the recipe has a limit and the data several modalities: whichever of them is missing,
    the compressed model, in torch, loses no more than so many points to the dense one."""
    limit, found = evidence.limits.max_missing_drop_points, evidence.subsets
    if limit is None or not found.one_missing:
        return ()
    worst = max(found.one_missing, key=_lost)
    (missing,) = found.missing(worst)
    return (
        Verdict(
            check="missing_drop",
            artifact=None,
            status=value_status(_lost(worst), limit + ROUNDING),
            value=_lost(worst),
            limit=limit,
            unit="points",
            reason=f"without {missing}, {worst.compressed.accuracy:.2%} right where the dense model has "
            f"{worst.dense.accuracy:.2%}: {-_lost(worst):+.2f} points, the most that any missing modality costs; "
            f"a drop of {limit:.3g} points is allowed",
        ),
    )


def _lost(one: Given) -> float:
    return 100 * (one.dense.accuracy - one.compressed.accuracy)
