"""Device outputs against the torch model's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from synthetic import SMALL, artifacts, changed, evidence, with_artifact

from l0gm_edge.check.checks.parity import check, distance
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.truth import Chain, Place
from l0gm_edge.core.verdict import Status, Verdict

FLOAT, INT8 = "compressed-tflite-fp32", "compressed-tflite-static_int8"


def verdict_on(made_up: Evidence, name: str) -> Verdict:
    """The parity of one artifact."""
    return next(verdict for verdict in check(made_up) if verdict.artifact == name)


def off(amount: float) -> dict[str, np.ndarray]:
    """The reference with noise of that size, relative to its scale."""
    draw = np.random.default_rng(0)
    return {s: (v + amount * np.abs(v).max() * draw.normal(size=v.shape)).astype(np.float32) for s, v in SMALL.items()}


@pytest.mark.parametrize(
    ("name", "amount", "status"),
    [
        (FLOAT, 1e-6, Status.PASS),
        (FLOAT, 1e-3, Status.FAIL),
        (INT8, 1e-3, Status.PASS),
        (INT8, 0.5, Status.FAIL),
    ],
)
def test_floats_by_value_and_integers_by_answer(name: str, amount: float, status: Status) -> None:
    assert verdict_on(with_artifact(name, outputs=off(amount)), name).status is status


def test_half_floats_may_differ_more() -> None:
    verdict = verdict_on(with_artifact(FLOAT, outputs=off(1e-3), scheme="fp16"), FLOAT)
    assert verdict.status is Status.PASS


def test_where_answers_part_is_told() -> None:
    broken = changed(artifacts(), INT8, outputs=off(0.5))
    apart = Chain(artifact=INT8, rows=8, links=(), parted=Place.DEVICE, layer="moe.router")
    told = verdict_on(evidence(measured=broken, ways={INT8: apart}), INT8).reason
    assert told.endswith("answers leave this machine's on the device, first in layer moe.router")
    together = Chain(artifact=INT8, rows=8, links=())
    assert verdict_on(evidence(ways={INT8: together}), INT8).reason.endswith("of answers must agree")


@pytest.mark.parametrize("name", [FLOAT, INT8])
def test_outputs_that_are_not_finite_fail(name: str) -> None:
    broken = {split: np.full_like(values, np.nan) for split, values in SMALL.items()}
    verdict = verdict_on(with_artifact(name, outputs=broken), name)
    assert verdict.status is Status.FAIL
    assert verdict.value is None or np.isfinite(verdict.value)


def test_the_dense_yardstick_is_checked_too() -> None:
    assert {verdict.artifact for verdict in check(evidence())} >= {"dense-onnxruntime-fp32", "dense-tflite-fp32"}


@given(arrays(np.float32, (7, 3), elements=st.floats(-100, 100, width=32)))
def test_a_model_is_at_no_distance_from_itself(outputs: np.ndarray) -> None:
    found = distance(outputs, outputs)
    assert (found.difference, found.agreement) == (0, 1)
    assert found.cosine == pytest.approx(1)


@given(arrays(np.float32, (7, 3), elements=st.floats(-100, 100, width=32)), st.integers(-8, 8))
def test_distance_is_relative_to_the_scale(outputs: np.ndarray, power: int) -> None:
    other = outputs[::-1].copy()
    plain, scaled = distance(other, outputs), distance(other * 2.0**power, outputs * 2.0**power)
    assert scaled.difference == pytest.approx(plain.difference)
    assert scaled.cosine == pytest.approx(plain.cosine)
