"""Figures against limits: what an interval, a single value or a missing one says."""

from __future__ import annotations

import math

from l0gm_edge.core.latency import Estimate
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.verdict import Status, Verdict


def tighter(recipe: float, profile: float | None) -> float:
    """The lower of the recipe's limit and the profile's, where the profile has one."""
    return recipe if profile is None else min(recipe, profile)


def interval_status(estimate: Estimate, limit: float) -> Status:
    """PASS when the whole interval is within the limit, FAIL when all of it is over, else INCONCLUSIVE."""
    if estimate.high <= limit:
        return Status.PASS
    return Status.FAIL if estimate.low > limit else Status.INCONCLUSIVE


def value_status(value: float, limit: float) -> Status:
    """PASS when a figure known without doubt is within the limit, else FAIL; NaN is over every limit."""
    return Status.PASS if value <= limit else Status.FAIL


def on_estimate(
    check: str, measurement: Measurement, estimate: Estimate | None, limit: float, unit: str, what: str
) -> Verdict:
    """The verdict on a measured figure with an interval; `what` names the figure. None means too few samples."""
    if estimate is None:
        return not_measured(check, measurement, limit, unit, f"{what} was not measured, or on too few runs")
    status = interval_status(estimate, limit)
    says = {
        Status.PASS: "all of it within",
        Status.FAIL: "all of it over",
        Status.INCONCLUSIVE: "which does not settle",
    }[status]
    return Verdict(
        check=check,
        artifact=measurement.artifact,
        status=status,
        value=estimate.value,
        limit=limit,
        unit=unit,
        interval=(estimate.low, estimate.high),
        reason=f"{what} is {estimate.value:.4g} {unit}, interval {estimate.low:.4g} to {estimate.high:.4g}, "
        f"{says} the limit of {limit:.4g} {unit}",
        evidence=(measurement.artifact_sha256,),
    )


def on_value(check: str, measurement: Measurement, value: float | None, limit: float, unit: str, what: str) -> Verdict:
    """The verdict on a figure without an interval; None means not measured."""
    if value is None:
        return not_measured(check, measurement, limit, unit, f"{what} was not measured")
    return Verdict(
        check=check,
        artifact=measurement.artifact,
        status=value_status(value, limit),
        value=finite(value),
        limit=limit,
        unit=unit,
        reason=f"{what} is {value:.4g} {unit}, the limit {limit:.4g} {unit}",
        evidence=(measurement.artifact_sha256,),
    )


def not_measured(check: str, measurement: Measurement, limit: float | None, unit: str, reason: str) -> Verdict:
    """INCONCLUSIVE: what was not measured neither passes nor fails."""
    return Verdict(
        check=check,
        artifact=measurement.artifact,
        status=Status.INCONCLUSIVE,
        limit=limit,
        unit=unit,
        reason=reason,
        evidence=(measurement.artifact_sha256,),
    )


def finite(value: float) -> float | None:
    """The value, or None for NaN and infinity, which JSON cannot hold."""
    return value if math.isfinite(value) else None
