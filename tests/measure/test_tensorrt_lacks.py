"""What a device has not that TensorRT takes, and an engine of another version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_models
from engines import SETTINGS, artifact, measured, prepared, profile
from fake_device import FakeDevice
from fake_gpu import Machine

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.measure import single


def test_an_engine_of_another_version_is_told(
    device: FakeDevice, hardware: HardwareProfile, machine: Machine, model: Path, tmp_path: Path
) -> None:
    machine.has_python("10.3.0")
    prepared(device, model)
    (kept,) = machine.engines.glob("*.engine")
    brought = tmp_path / "brought.engine"
    brought.write_bytes(kept.read_bytes())
    machine.has_python("10.7.0")
    with pytest.raises(DeviceFailed, match=r"tensorrt 10\.7\.0 does not load this engine: it was built by 10.3.0"):
        single.profile_model(device, profile(hardware), brought, threads=1, with_layers=False, settings=SETTINGS)


def without_gpu(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> str:
    machine.has_python("10.3.0")
    monkeypatch.setenv("FAKE_NO_GPU", "1")
    return "there is no NVIDIA GPU on this device: its driver finds none"


def without_driver(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> str:
    machine.has_python("10.3.0")
    monkeypatch.delenv("LD_LIBRARY_PATH")
    return "there is no NVIDIA GPU on this device: libcuda.so.1 cannot be loaded"


def without_tensorrt(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> str:
    return "there is no TensorRT on this device (looked for Python's tensorrt, and for trtexec)"


Lack = Callable[[Machine, pytest.MonkeyPatch], str]


@pytest.mark.parametrize("lack", [without_gpu, without_driver, without_tensorrt])
def test_a_device_without_what_it_takes_fails_in_one_line_or_is_listed_as_not_measured(
    lack: Lack,
    device: FakeDevice,
    hardware: HardwareProfile,
    machine: Machine,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = lack(machine, monkeypatch)
    if lack is without_driver and Path("/proc/driver/nvidia").exists():
        pytest.skip("this machine has the driver")
    plain = artifact(tiny_models.write_onnx(tmp_path / "plain.onnx"), "onnxruntime")
    both = artifact(model), plain
    with pytest.raises(DeviceFailed) as failed:
        measured(device, profile(hardware), tmp_path / "out", *both)
    assert failed.value.exit_status == 4
    assert failed.value.what == f"prepare: model 'tensorrt-fp32': {told}"
    bound, found = measured(device, profile(hardware, required=False), tmp_path / "out", *both)
    assert str(bound.unmeasured).endswith(told)
    assert found.blocks
    assert found.unmeasured is None
