"""Realised counts against requested ones."""

from __future__ import annotations

from typing import Any

import pytest
from synthetic import evidence, plan, recipe

from l0gm_edge.check.checks.counts import check
from l0gm_edge.core.recipe import Target
from l0gm_edge.core.verdict import Status

BY_PARAMETERS = {"target": Target(parameters=200), "units_requested": None}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, Status.PASS),
        ({"units_after": 1}, Status.FAIL),
        ({"units_after": 3}, Status.FAIL),
        (BY_PARAMETERS, Status.PASS),
        (BY_PARAMETERS | {"parameters_after": 201}, Status.FAIL),
        ({"target": Target(parameter_fraction=0.2), "units_requested": None}, Status.PASS),
        ({"target": Target(parameter_fraction=0.19), "units_requested": None}, Status.FAIL),
        ({"target": Target(units=2)}, Status.PASS),
        ({"target": Target(macs=180), "units_requested": None}, Status.PASS),
        ({"target": Target(mac_fraction=0.19), "units_requested": None}, Status.FAIL),
    ],
)
def test_realised_is_what_was_requested(changes: dict[str, Any], status: Status) -> None:
    verdict = check(evidence(plan=plan(**changes)))[0]
    assert (verdict.check, verdict.artifact, verdict.status) == ("realised_counts", None, status)


def test_a_latency_is_nothing_to_count() -> None:
    by_latency = plan(target=Target(p50_ms=1), units_requested=None)
    assert [one.check for one in check(evidence(plan=by_latency))] == ["parameter_fraction"]


def test_the_recipe_limits_the_parameters_left() -> None:
    over = check(evidence(plan=plan(parameters_after=251)))[1]
    assert (over.check, over.status, over.value) == ("parameter_fraction", Status.FAIL, 0.251)
    assert len(check(evidence(recipe=recipe(max_parameter_fraction=None)))) == 1
