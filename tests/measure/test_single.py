"""Timing one model file, and refusing what cannot be timed."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models
from fake_device import FakeDevice

from l0gm_edge.backends import onnxruntime
from l0gm_edge.core.errors import DeviceFailed, RefusedInput
from l0gm_edge.core.finish import Level
from l0gm_edge.core.hardware import Execution, HardwareProfile
from l0gm_edge.core.recipe import Measure
from l0gm_edge.measure import single


def test_a_model_is_timed_with_rows_of_its_declared_shapes(
    device: FakeDevice, hardware: HardwareProfile, tmp_path: Path
) -> None:
    model = tiny_models.write_onnx(tmp_path / "m.onnx", rows="n")
    settings = Measure(processes=2, blocks=4, runs_per_block=10)
    found = single.profile_model(device, hardware, model, threads=1, with_layers=True, settings=settings)
    p50, p90, p99 = found.percentiles
    assert p50.value_ns is not None
    assert p90.value_ns is not None
    assert p50.value_ns <= p90.value_ns
    assert (p99.value_ns, p99.interval_ns, p99.runs_needed) == (None, None, 662)
    assert sum(len(block.latencies_ns) for block in found.blocks) == 80
    assert found.operators is not None
    assert [layer.op for layer in found.operators.layers] == ["Gemm"]
    assert single.ModelProfile.model_validate_json(found.model_dump_json()) == found


def test_a_model_in_onnxruntimes_own_format_is_timed(
    device: FakeDevice, hardware: HardwareProfile, tmp_path: Path
) -> None:
    model = tiny_models.write_onnx(tmp_path / "m.onnx")
    forms = [tmp_path / f"n.{end}" for end in ("onnx", "ort", "txt")]
    onnxruntime.optimize(model, Level.BASIC, arm=False, as_onnx=forms[0], as_ort=forms[1], operators=forms[2])
    settings = Measure(processes=1, blocks=2, runs_per_block=10)
    found = single.profile_model(device, hardware, forms[1], threads=None, with_layers=True, settings=settings)
    assert (found.runtime, found.threads) == ("onnxruntime", hardware.threads)
    assert found.operators is not None
    assert [layer.op for layer in found.operators.layers] == ["Gemm"]


def test_a_damaged_model_is_told_by_its_name(device: FakeDevice, hardware: HardwareProfile, tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    with pytest.raises(DeviceFailed, match="model 'bad'"):
        single.profile_model(
            device, hardware, tmp_path / "bad.tflite", threads=1, with_layers=False, settings=Measure(processes=1)
        )


@pytest.mark.parametrize("ending", [".plan", ".pt2", "", ".ONNX"])
def test_a_file_for_no_runtime_is_refused_with_what_is_allowed(
    hardware: HardwareProfile, tmp_path: Path, ending: str
) -> None:
    (tmp_path / f"m{ending}").touch()
    with pytest.raises(RefusedInput, match=f"cannot time a '{ending}' file") as caught:
        single.runtime_of(tmp_path / f"m{ending}", hardware)
    known = ".engine (tensorrt), .onnx (onnxruntime), .ort (onnxruntime), .tflite (tflite), .trt.onnx (tensorrt)"
    assert caught.value.allowed == known


@pytest.mark.parametrize("ending", [".trt.onnx", ".engine"])
def test_a_file_bound_for_tensorrt_is_not_timed_by_another_runtime(
    ending: str, hardware: HardwareProfile, tmp_path: Path
) -> None:
    (tmp_path / f"m{ending}").touch()
    with pytest.raises(RefusedInput, match="host-cpu does not have the runtime tensorrt"):
        single.runtime_of(tmp_path / f"m{ending}", hardware)


def test_a_runtime_that_the_device_lacks_is_refused(hardware: HardwareProfile, tmp_path: Path) -> None:
    (tmp_path / "m.tflite").touch()
    poorer = hardware.model_copy(update={"runtimes": hardware.runtimes[:1]})
    with pytest.raises(RefusedInput, match="host-cpu does not have the runtime tflite"):
        single.runtime_of(tmp_path / "m.tflite", poorer)


def test_a_missing_file_and_an_emulated_device_are_refused(hardware: HardwareProfile, tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match="no such model file"):
        single.runtime_of(tmp_path / "m.onnx", hardware)
    (tmp_path / "m.onnx").touch()
    with pytest.raises(RefusedInput, match="only real hardware can be timed"):
        single.runtime_of(tmp_path / "m.onnx", hardware.model_copy(update={"execution": Execution.EMULATED}))
