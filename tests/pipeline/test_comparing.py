"""The regression gate on this machine, with models of a few microseconds."""

from __future__ import annotations

from pathlib import Path

import native_profiles
import pytest
import tiny_models
from tiny_bundles import write_bundle

from l0gm_edge.core import load
from l0gm_edge.core.errors import DeviceFailed, RefusedInput
from l0gm_edge.core.hardware import Execution
from l0gm_edge.core.verdict import Status
from l0gm_edge.measure.ab import COPIES, Effort
from l0gm_edge.pipeline.comparing import compare

QUICK = Effort(processes=4, rounds=3, runs_per_block=5)
HERE = load.hardware("host-cpu")
LIMITS = ("control", "latency", "load_time", "peak_memory", "file_size")


def test_two_bundles_are_compared_runtime_by_runtime(tmp_path: Path) -> None:
    old = write_bundle(tmp_path / "old", "onnxruntime", "tflite", accuracy=0.95)
    new = write_bundle(tmp_path / "new", "onnxruntime", "tflite", accuracy=0.9)
    found = compare(str(old), str(new), HERE, attempts=1, effort=QUICK)
    assert [pair.candidate.runtime for pair in found.pairs] == ["onnxruntime", "tflite"]
    for pair in found.pairs:
        assert [one.check for one in pair.verdicts] == [*LIMITS, "accuracy", "confidence"]
        (session,) = pair.sessions
        for side in (session.baseline, session.candidate):
            assert len(side.copies) == COPIES
            runs = [ns for copy in side.copies for block in copy for ns in block.latencies_ns]
            assert len(runs) == COPIES * 4 * 3 * 5
        lost = pair.verdict("accuracy")
        assert lost is not None
        assert lost.status is Status.FAIL
        assert lost.value == pytest.approx(5.0)
    assert found.status is Status.FAIL


def test_a_slower_model_fails_and_the_operator_that_costs_it_is_named(tmp_path: Path) -> None:
    old = tiny_models.write_tflite(tmp_path / "old.tflite")
    new = tiny_models.write_tflite(tmp_path / "new.tflite", fallback=True)
    # Any control will do: what is tested is what follows from a FAIL, on a machine that may be busy.
    found = compare(str(old), str(new), HERE, attempts=3, effort=QUICK)
    (pair,) = found.pairs
    latency, control = pair.verdict("latency"), pair.verdict("control")
    assert latency is not None
    assert control is not None
    assert latency.value is not None
    assert latency.value > 1.025
    if control.status is Status.PASS:
        assert latency.status is Status.FAIL
        assert "FLOOR_MOD" in latency.reason
    else:
        assert len(pair.sessions) == 3
        assert latency.status is Status.INCONCLUSIVE


def test_sessions_are_added_until_it_is_settled_or_enough(tmp_path: Path) -> None:
    path = str(tiny_models.write_onnx(tmp_path / "m.onnx"))
    (pair,) = compare(path, path, HERE, attempts=2, effort=QUICK).pairs
    processes = [{b.process for copy in one.candidate.copies for b in copy} for one in pair.sessions]
    assert processes == [set(range(4)), set(range(4, 8))][: len(processes)]
    assert len(processes) == 2 or all(
        one.status is not Status.INCONCLUSIVE for one in pair.verdicts if one.check in ("control", "latency")
    )


def test_emulated_devices_and_damaged_models_end_clearly(tmp_path: Path) -> None:
    path = tiny_models.write_onnx(tmp_path / "m.onnx")
    with pytest.raises(RefusedInput, match="only real hardware can be timed"):
        compare(str(path), str(path), HERE.model_copy(update={"execution": Execution.EMULATED}))
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(DeviceFailed, match="model 'candidate"):
        compare(str(path), str(tmp_path / "bad.onnx"), HERE, effort=QUICK)


def test_a_native_runner_is_no_gate(tmp_path: Path) -> None:
    model = str(tiny_models.write_tflite(tmp_path / "m.tflite"))
    phone = load.hardware(str(native_profiles.write(tmp_path)))
    with pytest.raises(RefusedInput, match="compare needs what Python on the device gives, and a native runner gives"):
        compare(model, model, phone, attempts=1, effort=QUICK)
