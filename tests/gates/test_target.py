"""What a target asks: counts never exceeded, fractions above what is fixed, percentiles by their ratio."""

from __future__ import annotations

import latencies
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import Gates, Schedule, Target
from l0gm_edge.gates.session import Session
from l0gm_edge.gates.target import Budget, Unit, budget


class Pair(nn.Module):
    """6 inputs, 10 hidden, 4 hidden, 3 outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 4), nn.ReLU(), nn.Linear(4, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


PARAMETERS, MACS, UNITS = 7 * 10 + 11 * 4 + 5 * 3, 60 + 40 + 12, 14


def session(target: Target, latency: latencies.Linear | None = None, **gates: object) -> Session:
    settings = Gates(target=target, **{"min_units": 1, "floor": 0} | gates)
    return Session(Pair(), {"x": torch.randn(2, 6)}, settings, {}, latency=latency)


def asked(target: Target) -> Budget:
    return session(target, latencies.Linear(UNITS)).budget


@pytest.mark.parametrize(
    ("target", "unit", "limit", "total"),
    [
        (Target(units=5), Unit.UNITS, 5, UNITS),
        (Target(active_fraction=0.25), Unit.UNITS, round(0.25 * UNITS), UNITS),
        (Target(parameters=100), Unit.PARAMETERS, 100, PARAMETERS),
        (Target(parameter_fraction=0.5), Unit.PARAMETERS, PARAMETERS // 2, PARAMETERS),
        (Target(macs=60), Unit.MACS, 60, MACS),
        (Target(mac_fraction=0.5), Unit.MACS, MACS // 2, MACS),
        (Target(p50_ms=0.6), Unit.MS, 0.6, 0.64),
        (Target(p90_ms=0.75), Unit.MS, 0.6, 0.64),
        (Target(latency_fraction=0.5), Unit.MS, 0.57, 0.64),
        (Target(p50_ms=7), Unit.MS, 0.64, 0.64),  # the whole model is quick enough
    ],
)
def test_every_target_is_a_limit_of_its_unit(target: Target, unit: Unit, limit: float, total: float) -> None:
    found = asked(target)
    assert (found.unit, found.limit, found.total) == (unit, pytest.approx(limit), pytest.approx(total))


def test_latency_fractions_are_of_what_is_above_the_fixed_cost() -> None:
    found = asked(Target(latency_fraction=0.25))
    assert found.fraction == pytest.approx(0.25)
    half = torch.cat([torch.ones(7), torch.zeros(7)])
    assert float(found.expected_fraction(half)) == pytest.approx(0.5)
    assert asked(Target(macs=56)).fraction == pytest.approx(0.5)


@pytest.mark.parametrize("target", [Target(units=15), Target(parameters=10**6), Target(macs=113)])
def test_more_than_the_whole_model_is_refused(target: Target) -> None:
    with pytest.raises(TargetImpossible, match="the whole model has"):
        asked(target)


@pytest.mark.parametrize("target", [Target(p50_ms=1), Target(p90_ms=1), Target(latency_fraction=0.5)])
def test_milliseconds_without_a_table_are_refused_with_both_ways_out(target: Target) -> None:
    with pytest.raises(TargetImpossible, match="latency table") as refused:
        session(target)
    assert "hardware tabulate" in refused.value.todo
    assert "parameters" in refused.value.todo


@pytest.mark.parametrize(
    ("target", "least"),
    [
        (Target(p50_ms=0.4), "0.52 ms or more"),  # below the fixed cost
        (Target(p50_ms=0.51), "0.52 ms or more"),  # above it, and below one unit a site
        (Target(p90_ms=0.51), "0.65 ms or more"),  # told in the percentile that was asked for
        (Target(latency_fraction=0.01), "0.52 ms or more"),
        (Target(units=1), "2 units or more"),
        (Target(parameters=5), "15 parameters or more"),
        (Target(macs=5), "10 MACs or more"),
    ],
)
def test_a_target_that_no_widths_meet_is_refused_with_the_least_there_is(target: Target, least: str) -> None:
    with pytest.raises(TargetImpossible, match="the least widths alone") as refused:
        session(target, latencies.Linear(UNITS))
    assert refused.value.allowed == least


@pytest.mark.parametrize("target", [Target(p50_ms=0.6), Target(p90_ms=0.75), Target(mac_fraction=0.5)])
def test_what_is_chosen_meets_the_target(target: Target) -> None:
    found = session(target, latencies.Linear(UNITS))
    assert 0.8 * found.budget.limit < found.budget.count(found.choose()) <= found.budget.limit
    assert found.budget.count(found.choose(0.9 * found.budget.limit)) <= 0.9 * found.budget.limit


def test_a_fixed_penalty_and_its_schedule_go_together() -> None:
    for settings in ({"schedule": Schedule.FIXED}, {"penalty": 0.5}):
        with pytest.raises(ValidationError, match="penalty goes with schedule"):
            Gates(target=Target(units=3), **settings)
    assert Gates(target=Target(units=3), schedule=Schedule.FIXED, penalty=0.5).penalty == 0.5


def test_a_prices_gradient_is_what_a_unit_adds() -> None:
    found = budget(Target(macs=60), session(Target(units=5)).size, UNITS)
    gates = torch.ones(UNITS)
    cost, prices = found.prices(gates)
    assert cost == MACS
    for unit in range(UNITS):
        fewer = gates.clone()
        fewer[unit] = 0
        assert cost - float(found.measure(fewer)) == pytest.approx(float(prices[unit]))
