"""A measurement holds raw facts, and never a latency that no hardware gave."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from l0gm_edge.core.measurement import Measurement

RAW: dict[str, Any] = {
    "artifact": "compressed-onnxruntime-fp32",
    "artifact_sha256": "0" * 64,
    "hardware": "host-cpu",
    "execution": "hardware",
    "runtime": "onnxruntime",
    "runtime_version": "1.32.0",
    "threads": 1,
    "machine": {},
    "session": "s",
    "warmup_runs": 10,
    "blocks": [
        {"process": 0, "round": 0, "latencies_ns": [5, 3]},
        {"process": 0, "round": 1, "latencies_ns": [4]},
    ],
    "load_ns": [100],
    "peak_memory_bytes": 1000,
    "energy": {"mj": 0.5},
    "conditions_before": {"time": "t"},
    "conditions_after": {"time": "t"},
    "outputs": {},
    "outputs_sha256": {},
    "time": "t",
    "commit": None,
    "dirty": None,
}
UNTIMED = {"blocks": [], "load_ns": [], "peak_memory_bytes": None, "energy": {}}


def test_latencies_come_back_raw_and_in_order() -> None:
    assert Measurement.model_validate(RAW).latencies_ns == (5, 3, 4)


@pytest.mark.parametrize("execution", ["emulated", "fake"])
@pytest.mark.parametrize("figure", UNTIMED)
def test_figures_from_anything_but_hardware_are_refused(execution: str, figure: str) -> None:
    raw = RAW | UNTIMED | {"execution": execution}
    assert Measurement.model_validate(raw).latencies_ns == ()
    with pytest.raises(ValidationError, match=f"latency, memory and energy cannot come from {execution} execution"):
        Measurement.model_validate(raw | {figure: RAW[figure]})


@pytest.mark.parametrize("latencies", [[], [0], [-1]])
def test_a_block_without_a_positive_latency_is_refused(latencies: list[int]) -> None:
    with pytest.raises(ValidationError):
        Measurement.model_validate(RAW | {"blocks": [{"process": 0, "round": 0, "latencies_ns": latencies}]})


def test_no_percentile_can_be_stored() -> None:
    with pytest.raises(ValidationError, match="p50_ms"):
        Measurement.model_validate(RAW | {"p50_ms": 1.0})


def test_a_measurement_cannot_be_changed() -> None:
    measurement = Measurement.model_validate(RAW)
    with pytest.raises(ValidationError, match="frozen"):
        measurement.runtime = "other"  # type: ignore[misc]
