"""TensorRT 10's own calibrator: what it is shown, and where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import fake_gpu
import pytest
import tiny_models
from engines import CALIBRATION, PYTHON_11, TRTEXEC_10, Tool, artifact, describe, measured, prepared, profile
from fake_device import FakeDevice
from fake_gpu import Machine

from l0gm_edge.backends import tensorrt
from l0gm_edge.core import arrays
from l0gm_edge.core.engine import EngineSettings
from l0gm_edge.core.engine_layers import run_verdict
from l0gm_edge.core.errors import DeviceFailed, IntegrityError
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.verdict import Status


def test_the_implicit_calibrator_of_10_sees_every_row_and_chooses(
    device: FakeDevice, machine: Machine, model: Path
) -> None:
    machine.has_python("10.3.0")
    describe(model, "implicit_int8", "int8", CALIBRATION)
    found = prepared(device, model)
    (line,) = machine.built()
    told = json.loads(line.partition(" ")[2])
    assert told["rows"] == CALIBRATION[:, None].tolist()
    assert (told["flags"], told["config"]) == (0, ["fp16", "int8"])
    assert found.chosen_by_tensorrt
    assert run_verdict(found, "small").status is Status.FAIL  # the one heavy node stayed fp32: it did nothing
    machine.computes_in(fake_gpu.INT8)
    again = prepared(device, model, EngineSettings(workspace_mb=1))
    assert run_verdict(again, "small").status is Status.PASS


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        (PYTHON_11, "TensorRT 11.1.0.106 may not build this; allowed: for implicit_int8 before 11, which has no"),
        (TRTEXEC_10, "implicit_int8 needs Python's tensorrt 10 on the device: trtexec does not calibrate"),
    ],
    ids=["Python 11", "trtexec"],
)
def test_the_implicit_calibrator_is_refused_by_name_where_it_is_not(
    tool: Tool, told: str, device: FakeDevice, machine: Machine, model: Path
) -> None:
    tool(machine)
    describe(model, "implicit_int8", "int8", CALIBRATION)
    with pytest.raises(DeviceFailed, match=told):
        prepared(device, model)


def test_rows_that_were_changed_are_refused(device: FakeDevice, machine: Machine, model: Path) -> None:
    describe(model, "implicit_int8", "int8", CALIBRATION)
    arrays.write(model.with_suffix(tensorrt.CALIBRATION), {"x": CALIBRATION + 1})
    with pytest.raises(IntegrityError, match="was changed"):
        prepared(device, model)


def test_a_quantized_file_that_cannot_be_built_does_not_stop_the_others(
    device: FakeDevice, hardware: HardwareProfile, machine: Machine, model: Path, tmp_path: Path
) -> None:
    machine.has_python("11.1.0")
    implicit = tiny_models.write_onnx(tmp_path / "implicit.trt.onnx")
    describe(implicit, "implicit_int8", "int8", CALIBRATION)
    plain, other = measured(
        device, profile(hardware), tmp_path / "out", artifact(model), artifact(implicit, scheme="implicit_int8")
    )
    assert plain.blocks
    assert "implicit_int8 before 11" in str(other.unmeasured)
    assert (other.blocks, other.outputs, other.engine) == ((), {}, None)
