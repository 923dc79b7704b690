"""The cut realised what the recipe asked for, counted on the model that is left."""

from __future__ import annotations

from l0gm_edge.check.limits import value_status
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.verdict import Status, Verdict


def check(evidence: Evidence) -> tuple[Verdict, ...]:
    """Verdicts on the run: units or parameters as requested, and the recipe's limit on parameters if it has one."""
    limit = evidence.recipe.checks.max_parameter_fraction
    goal = _units(evidence) if evidence.plan.target.active_fraction is not None else _parameters(evidence)
    return (goal,) if limit is None else (goal, _parameter_fraction(evidence, limit))


def _units(evidence: Evidence) -> Verdict:
    plan = evidence.plan
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


def _parameters(evidence: Evidence) -> Verdict:
    plan = evidence.plan
    target = plan.target
    requested = target.parameters or (target.parameter_fraction or 0) * plan.parameters_before
    return Verdict(
        check="realised_counts",
        artifact=None,
        status=value_status(plan.parameters_after, requested),
        value=plan.parameters_after,
        limit=requested,
        unit="parameters",
        reason=f"{plan.parameters_after:,} of {plan.parameters_before:,} parameters are left where at most "
        f"{requested:,.0f} were requested",
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
