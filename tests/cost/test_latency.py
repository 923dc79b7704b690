"""Latency as gates see it: of one runtime, of the worst of two, and after what was timed later."""

from __future__ import annotations

import costs
import pytest
import torch

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import Target
from l0gm_edge.cost.latency import Latency
from l0gm_edge.cost.sample import sample
from l0gm_edge.gates.target import LatencyModel, budget
from l0gm_edge.pipeline.cuts import Subject


@pytest.fixture(scope="module")
def one() -> Subject:
    return costs.subject()


def limit(one: Subject, latency: LatencyModel, target: Target) -> float:
    return budget(target, one.size, one.layout.units, latency).limit


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"p50_ms": 1.0}, 1.0),
        ({"p90_ms": 1.2}, 1.0),
        ({"latency_fraction": 0.5}, costs.DENSE_MS * (0.5 + 0.25 * costs.FIXED)),
    ],
)
def test_a_request_is_the_median_that_the_budget_limits(one: Subject, asked: dict[str, float], expected: float) -> None:
    target = Target(**asked)
    latency = Latency([costs.table(one, 40)], one.size, target)
    assert limit(one, latency, target) == pytest.approx(expected)
    assert latency.at(1.0) == pytest.approx(expected)
    everything = torch.ones(one.layout.units)
    assert float(latency.predict(everything)) == pytest.approx(costs.DENSE_MS, rel=0.05)
    assert latency.dense_ms == pytest.approx(costs.DENSE_MS)


@pytest.mark.parametrize("asked", [{"p50_ms": 1.0}, {"p90_ms": 1.2}, {"latency_fraction": 0.5}])
def test_the_worse_of_two_runtimes_counts(one: Subject, asked: dict[str, float]) -> None:
    target = Target(**asked)
    # on one, convolutions are nearly all there is to do; on the other, the linear layers
    tables = [costs.table(one, 60, linear=2e2), costs.table(one, 60, runtime="tflite", linear=2e5)]
    alone = [Latency([table], one.size, target) for table in tables]
    both = Latency(tables, one.size, target)
    assert list(both.speeds) == ["onnxruntime", "tflite"]
    allowed = limit(one, both, target)
    for kept in sample(one.layout, one.allowed, one.size.macs, 30, seed=5):
        fits = [float(latency.predict(kept.double())) <= limit(one, latency, target) for latency in alone]
        assert (float(both.predict(kept.double())) <= allowed) == all(fits)


def test_less_than_a_runtime_spends_on_nothing_is_refused(one: Subject) -> None:
    table = costs.table(one, 12)
    for target in (Target(p50_ms=table.fixed_ms * 0.9), Target(p90_ms=table.fixed_ms * 1.1)):
        with pytest.raises(TargetImpossible, match="almost empty model") as refused:
            Latency([table], one.size, target)
        assert refused.value.allowed is not None
        assert "ms; the dense model takes" in refused.value.allowed


def test_what_is_timed_near_the_target_corrects_the_prediction(one: Subject) -> None:
    latency = Latency([costs.table(one, 40)], one.size, Target(p50_ms=1.0))
    later = [
        kept
        for kept in sample(one.layout, one.allowed, one.size.macs, 60, seed=9)
        if 0.4 < costs.ratio(one, kept) < 0.6
    ]
    # the real device is a tenth slower there than the table says
    truth = [1.1 * costs.ratio(one, kept) for kept in later]
    before = [float(latency.predict(kept.double())) for kept in later]
    latency.learn(torch.stack(later), {"onnxruntime": truth})
    after = [float(latency.predict(kept.double())) for kept in later]

    def missed(predicted: list[float]) -> float:
        return sum(abs(p / (costs.DENSE_MS * t) - 1) for p, t in zip(predicted, truth, strict=True)) / len(truth)

    assert missed(after) < missed(before) / 2


def test_a_target_in_ms_is_one_of_todays_machine(one: Subject) -> None:
    asked = Latency([costs.table(one, 12)], one.size, Target(p50_ms=1.0))
    shared = Latency([costs.table(one, 12)], one.size, Target(latency_fraction=0.5))
    everything = torch.ones(one.layout.units)
    before = [float(latency.predict(everything)) for latency in (asked, shared)]
    for latency in (asked, shared):
        latency.now("onnxruntime", [[round(2 * costs.DENSE_MS * 1e6)]])
    assert float(asked.predict(everything)) == pytest.approx(2 * before[0])
    assert asked.at(1.0) == pytest.approx(1.0)
    assert float(shared.predict(everything)) == pytest.approx(before[1])


def test_one_busy_batch_does_not_change_the_machines_pace(one: Subject) -> None:
    latency = Latency([costs.table(one, 12)], one.size, Target(p90_ms=1.0))
    usual = [1_000_000] * 9 + [1_100_000] * 2
    for batch in (usual, usual, [3 * ns for ns in usual]):
        latency.now("onnxruntime", [batch])
    assert latency.speeds["onnxruntime"].dense_ms == pytest.approx(1.0)
    assert latency.p90_over_p50 == pytest.approx(1.1)
