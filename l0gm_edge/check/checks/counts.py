"""The cut realised what the recipe asked for, counted on the model that is left."""

from __future__ import annotations

from l0gm_edge.check.limits import value_status
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.core.recipe import Target
from l0gm_edge.core.verdict import Status, Verdict


def check(evidence: Evidence) -> tuple[Verdict, ...]:
    """Verdicts on the run: what was requested, unless that is a latency, and the recipe's limit on parameters if it
    has one."""
    limit = evidence.limits.max_parameter_fraction
    goals = () if evidence.plan.target.asks_for_latency else (_realised(evidence.plan),)
    return goals if limit is None else (*goals, _parameter_fraction(evidence, limit))


def _realised(plan: PrunePlan) -> Verdict:
    match plan.target:
        case Target(units=int()) | Target(active_fraction=float()):
            return _units(plan)
        case Target(macs=asked, mac_fraction=fraction) if asked or fraction:
            return _at_most("MACs", plan.macs_after, plan.macs_before, asked, fraction)
        case Target(parameters=asked, parameter_fraction=fraction):
            return _at_most("parameters", plan.parameters_after, plan.parameters_before, asked, fraction)
    raise AssertionError(plan.target)


def _units(plan: PrunePlan) -> Verdict:
    requested, realised = plan.units_requested, plan.units_after
    return Verdict(
        check="realised_counts",
        artifact=None,
        status=Status.PASS if realised == requested else Status.FAIL,
        value=realised,
        limit=requested,
        unit="units",
        reason=f"{realised} of {plan.units_before} units were kept where {requested} were requested",
    )


def _at_most(unit: str, after: int, before: int, asked: int | None, fraction: float | None) -> Verdict:
    requested = asked or (fraction or 0) * before
    return Verdict(
        check="realised_counts",
        artifact=None,
        status=value_status(after, requested),
        value=after,
        limit=requested,
        unit=unit,
        reason=f"{after:,} of {before:,} {unit} are left where at most {requested:,.0f} were requested",
    )


def _parameter_fraction(evidence: Evidence, limit: float) -> Verdict:
    fraction = evidence.plan.parameters_after / evidence.plan.parameters_before
    return Verdict(
        check="parameter_fraction",
        artifact=None,
        status=value_status(fraction, limit),
        value=fraction,
        limit=limit,
        unit="of dense",
        reason=f"{fraction:.3f} of the dense model's parameters are left; the limit is {limit:.3g}",
    )
