"""The final widths for a target in milliseconds, on made-up devices that differ from what their tables say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import costs
import pytest
import torch
from torch import Tensor

from l0gm_edge.core.hardware import ChannelMultiple, HardwareProfile, Runtime
from l0gm_edge.core.recipe import Gates, Measure, Target
from l0gm_edge.cost.latency import Latency
from l0gm_edge.gates.session import Session
from l0gm_edge.measure.comparing import Comparison
from l0gm_edge.pipeline import sizing
from l0gm_edge.pipeline.cuts import Subject
from l0gm_edge.pipeline.timing import name
from l0gm_edge.prune.prune import multiples

HARDWARE = HardwareProfile(name="bench", title="A bench", runtimes=(Runtime(name="onnxruntime", schemes=("fp32",)),))
MULTIPLE = ChannelMultiple(convolution=4)


class Bench:
    """Times by formula: `slower` than the table said, where cuts are smaller than dense."""

    def __init__(self, subject: Subject, slower: float) -> None:
        self.subject, self.slower, self.timed = subject, slower, []

    def ratio(self, kept: Tensor) -> float:
        true = costs.ratio(self.subject, kept)
        return true * (self.slower if true < 0.999 else 1)

    def compare(self, runtime: str, kept: Sequence[Tensor], settings: Measure) -> Comparison:
        self.timed += list(kept)
        ratios = {name(one): ((self.ratio(one),),) * settings.processes for one in kept}
        return Comparison(ratios, (((1.0,),),), ((round(costs.DENSE_MS * 1e6),),))


def sized(monkeypatch: pytest.MonkeyPatch, target: Target, slower: float) -> tuple[Bench, Tensor, float, float]:
    """The bench, the units that stayed, their ratio to dense, and the limit as a ratio."""
    subject = costs.subject(MULTIPLE)
    on_device = Bench(subject, slower)

    @contextmanager
    def bench(*_: object) -> Iterator[Bench]:
        yield on_device

    monkeypatch.setattr(sizing, "bench", bench)
    latency = Latency([costs.table(subject, 56)], subject.size, target)
    gates = Gates(target=target, method="one_shot", min_units=1)
    session = Session(costs.network(), subject.example, gates, multiples(MULTIPLE), latency=latency)
    session.importance += torch.rand(session.layout.units)
    kept, (found,) = sizing.size(subject, session, latency, HARDWARE, {})
    session.close()
    assert found.measured_ms == pytest.approx(
        on_device.ratio(kept) * costs.DENSE_MS * latency.speeds["onnxruntime"].told
    )
    return on_device, kept, found.measured_ms, found.requested_ms


@pytest.mark.parametrize("slower", [0.85, 1.0, 1.15])
@pytest.mark.parametrize(
    "target", [Target(p50_ms=1.5), Target(p50_ms=0.8), Target(latency_fraction=0.5), Target(p90_ms=1.0)]
)
def test_what_stays_was_timed_and_is_as_fast_as_asked_for(
    monkeypatch: pytest.MonkeyPatch, target: Target, slower: float
) -> None:
    on_device, kept, measured, requested = sized(monkeypatch, target, slower)
    assert any(torch.equal(kept, one) for one in on_device.timed)
    assert 0.93 <= measured / requested <= 1.01  # a small network has few widths: the nearest may lie outside
    assert len({name(one) for one in on_device.timed}) <= 14


def test_the_request_is_told_as_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, _, requested = sized(monkeypatch, Target(p90_ms=1.0), 1.0)
    assert requested == pytest.approx(1.0)
