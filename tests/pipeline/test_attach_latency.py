"""A target in milliseconds in a person's own loop, on a made-up device whose latency follows from the MACs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from by_macs import comparing
from own_loop import X, left_as_it_was, network, train

import l0gm_edge
from l0gm_edge.core.errors import RefusedInput, TargetImpossible
from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.core.store import read_value
from l0gm_edge.cost.table import Accuracy, Table
from l0gm_edge.pipeline.tabulating import Tables
from l0gm_edge.pipeline.timing import Bench

DENSE_MS, FIXED = 2.0, 0.1
PROFILE = HardwareProfile(name="bench", title="A bench", runtimes=(Runtime(name="onnxruntime", schemes=("fp32",)),))


@pytest.fixture(autouse=True)
def by_formula(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """Cuts take as long as their MACs say; how many were timed, call by call."""
    timed: list[int] = []
    monkeypatch.setattr(Bench, "compare", comparing(DENSE_MS, FIXED, timed))
    monkeypatch.setenv("L0GM_EDGE_COST", str(tmp_path / "cost"))
    return timed


@pytest.mark.parametrize("method", ["progressive", "hard_concrete"])
@pytest.mark.parametrize(("target", "asked"), [({"p50_ms": 1.2}, 1.2), ({"latency_fraction": 0.5}, 1.1)])
def test_the_cut_is_as_fast_as_was_asked(method: str, target: dict[str, float], asked: float) -> None:
    model = network()
    session = l0gm_edge.attach(model, X[:4], target=target, hardware=PROFILE, steps=30, method=method)
    train(model, session, 30)
    session.cut()
    (sized,) = session.plan.latency
    assert sized.requested_ms == pytest.approx(asked)
    assert 0.9 * asked <= sized.measured_ms <= 1.001 * asked
    plan = session.plan
    assert sized.measured_ms == pytest.approx(DENSE_MS * (FIXED + (1 - FIXED) * plan.macs_after / plan.macs_before))
    assert session.exactness.worst <= 1e-5


def test_the_table_of_a_model_is_made_once(by_formula: list[int]) -> None:
    for _ in range(2):
        l0gm_edge.attach(network(), X[:4], target={"p50_ms": 1.2}, hardware=PROFILE, steps=30).close()
        by_formula.append(0)
    assert by_formula[-2:] == [0, 0]
    assert sum(by_formula) > 0


@pytest.mark.parametrize(
    ("target", "words"),
    [({"p50_ms": 0.19}, "for an almost empty model"), ({"p90_ms": 0.21}, "the least widths alone come to")],
)
def test_a_latency_that_no_cut_reaches_is_refused_and_the_model_is_as_it_was(
    target: dict[str, float], words: str
) -> None:
    model = network()
    with left_as_it_was(model), pytest.raises(TargetImpossible, match=words):
        l0gm_edge.attach(model, X[:4], target=target, hardware=PROFILE)


def test_a_table_that_is_given_must_be_of_this_model(tmp_path: Path) -> None:
    l0gm_edge.attach(network(), X[:4], target={"p50_ms": 1.2}, hardware=PROFILE).close()
    (kept,) = tmp_path.glob("cost/**/*.json")
    given = Tables(tables=(read_value(Table, kept),), accuracies=(Accuracy(rows=1, median=0, p90=0),))
    l0gm_edge.attach(network(), X[:4], target={"p50_ms": 1.2}, hardware=PROFILE, table=given).close()
    other = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    with left_as_it_was(other), pytest.raises(RefusedInput, match="the table is of another model"):
        l0gm_edge.attach(other, X[:4], target={"p50_ms": 1.2}, hardware=PROFILE, table=given)
