"""TensorRT's engines on a machine whose GPU and TensorRT are made up: what reaches them, and what comes home."""

from __future__ import annotations

import json
from pathlib import Path

import fake_gpu
import numpy as np
import pytest
import tiny_models
from engines import (
    CALIBRATION,
    EVERY,
    ONE_EACH,
    ROWS,
    SETTINGS,
    Tool,
    artifact,
    describe,
    engine_of,
    measured,
    precision,
    prepared,
    profile,
)
from fake_device import FakeDevice
from fake_gpu import Machine

from l0gm_edge.core.engine import EngineDescription, EngineSettings
from l0gm_edge.core.engine_layers import run_verdict
from l0gm_edge.core.errors import DeviceFailed, IntegrityError
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.opening import Opening
from l0gm_edge.core.store import file_sha256, read_value
from l0gm_edge.core.verdict import Status
from l0gm_edge.measure import job, single, tasks


@EVERY
def test_an_engine_is_built_timed_weighed_asked_and_looked_into(
    tool: Tool, device: FakeDevice, hardware: HardwareProfile, machine: Machine, model: Path, tmp_path: Path
) -> None:
    tool(machine)
    (found,) = measured(device, profile(hardware), tmp_path / "out", artifact(model))
    np.testing.assert_allclose(
        np.load(tmp_path / "out" / found.outputs["test"]), tiny_models.linear(ROWS["test"]["x"]), rtol=1e-5, atol=1e-5
    )
    assert [len(block.latencies_ns) for block in found.blocks] == [3, 3]
    assert len(found.load_ns) == 4
    assert found.peak_memory_bytes
    assert [(layer.op, layer.mean_ns) for layer in found.layers] == [("gemm", 250_000)]
    engine = engine_of(found)
    assert engine.key is not None
    assert (engine.by, engine.key.compute_capability, engine.key.jetpack) == (found.runtime_version, "8.7", None)
    assert engine.key.onnx_sha256 == file_sha256(model)
    assert (engine.asked, engine.chosen_by_tensorrt) == ({"linear": "fp32"}, False)
    assert len(machine.built()) == 1  # every process after the first found it
    verdict = precision(hardware, artifact(model)[0], found)
    assert verdict.status is Status.PASS, verdict.reason


def test_what_the_clock_ran_around_is_recorded(
    device: FakeDevice, hardware: HardwareProfile, machine: Machine, model: Path, tmp_path: Path
) -> None:
    machine.has_trtexec("10.3.0")
    (found,) = measured(device, profile(hardware), tmp_path / "out", artifact(model))
    assert "CUDA events" in engine_of(found).timing
    assert found.blocks[0].latencies_ns == (503_000, 504_000, 505_000)  # those after trtexec's own warm-up
    assert found.load_ns == (12_300_000,) * 4  # as trtexec tells
    machine.has_python("10.3.0")  # goes before trtexec
    assert "host clock around enqueue" in prepared(device, model).timing


@ONE_EACH
@pytest.mark.parametrize(
    ("kind", "kernel", "status"),
    [
        ("fp16", fake_gpu.HALF, Status.PASS),
        ("int8", fake_gpu.INT8, Status.PASS),
        ("int8", fake_gpu.SINGLE, Status.FAIL),
    ],
)
def test_silent_fp32_fails(
    tool: Tool,
    kind: str,
    kernel: str,
    status: Status,
    device: FakeDevice,
    hardware: HardwareProfile,
    machine: Machine,
    model: Path,
) -> None:
    tool(machine)
    machine.computes_in(kernel)
    describe(model, "fp16", kind)
    job.put_programs(device)
    placed = tasks.put_model(device, "small", "tensorrt", 1, model)
    found = tasks.prepare(device, placed)
    assert found.engine is not None
    verdict = run_verdict(found.engine, "small")
    assert verdict.status is status, verdict.reason
    if status is Status.FAIL:
        assert "linear asks for int8 and runs in fp32" in verdict.reason


def test_an_engine_is_kept_until_something_that_it_depends_on_changes(
    device: FakeDevice, machine: Machine, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has_python("10.3.0")
    first = prepared(device, model)
    assert prepared(device, model, name="other") == first
    assert len(machine.built()) == 1
    prepared(device, model, EngineSettings(workspace_mb=8))
    machine.has_python("10.3.1")
    prepared(device, model)
    tiny_models.write_onnx(model, outputs=2)
    prepared(device, model)
    assert len(machine.built()) == 4
    assert len(list(machine.engines.glob("*.engine"))) == 4


def test_settings_of_the_profile_reach_the_builder(device: FakeDevice, machine: Machine, model: Path) -> None:
    machine.has_python("10.3.0")
    prepared(device, model, EngineSettings(workspace_mb=8))
    machine.has_trtexec("11.1.0")
    wanted = EngineSettings(builder="trtexec", workspace_mb=16, optimization_level=2, trtexec={"sparsity": "enable"})
    assert prepared(device, model, wanted).by == "trtexec 11.1.0"
    by_python, by_trtexec = machine.built()
    assert json.loads(by_python.partition(" ")[2]) == {
        "flags": 2,
        "config": [],
        "pools": {"workspace": 8 << 20},
        "rows": [],
        "cached": 0,
    }
    for option in ("--memPoolSize=workspace:16M", "--builderOptimizationLevel=2", "--sparsity=enable"):
        assert option in by_trtexec


def test_kernels_once_timed_are_not_timed_again(device: FakeDevice, machine: Machine, model: Path) -> None:
    machine.has_python("10.3.0")
    for megabytes in (1, 2):
        prepared(device, model, EngineSettings(workspace_mb=megabytes))
    prepared(device, model, EngineSettings(timing_cache=False))
    assert [json.loads(line.partition(" ")[2])["cached"] for line in machine.built()] == [0, len("kernel;"), 0]


def test_a_damaged_engine_is_built_again(device: FakeDevice, machine: Machine, model: Path) -> None:
    machine.has_python("10.3.0")
    first = prepared(device, model)
    (kept,) = machine.engines.glob("*.engine")
    kept.write_bytes(b"torn")
    assert prepared(device, model).engine_sha256 == first.engine_sha256
    assert len(machine.built()) == 2


@ONE_EACH
def test_a_file_that_tensorrt_refuses_is_told_in_its_words(
    tool: Tool, device: FakeDevice, hardware: HardwareProfile, machine: Machine, tmp_path: Path
) -> None:
    tool(machine)
    other = tiny_models.write_lookup(tmp_path / "other.trt.onnx", "int64")
    with pytest.raises(DeviceFailed, match=r"model 'small': .*(it is no ONNX file|Failed to parse onnx file)"):
        prepared(device, other)
    assert list(machine.engines.glob("*.engine")) == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (EngineSettings(oldest="11"), "TensorRT 10.3.0 may not build this; allowed: 11 and later, before 12"),
        (EngineSettings(builder="trtexec"), r"there is no TensorRT on this device \(looked for trtexec\)"),
    ],
)
def test_a_device_that_may_not_build_says_so(
    settings: EngineSettings, told: str, device: FakeDevice, machine: Machine, model: Path
) -> None:
    machine.has_python("10.3.0")
    with pytest.raises(DeviceFailed, match=told):
        prepared(device, model, settings)


def test_tensorrt_rtx_builds_for_real_where_asked_for(device: FakeDevice, machine: Machine, model: Path) -> None:
    """The GPU is made up, the parser and builder are not: the engine is built, and then there is nothing to load it."""
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT-RTX (the extra trt-check) is not installed")
    with pytest.raises(
        DeviceFailed, match=r"tensorrt_rtx_bindings [\d.]+ builds no engine .*: it was built, and cannot"
    ):
        prepared(device, model, EngineSettings(builder="tensorrt_rtx_bindings"))
    describe(model, "implicit_int8", "int8", CALIBRATION)
    with pytest.raises(DeviceFailed, match="TensorRT-RTX has no calibrator"):
        prepared(device, model, EngineSettings(builder="tensorrt_rtx_bindings"))


def test_a_description_of_another_file_is_refused_before_it_travels(
    device: FakeDevice, machine: Machine, model: Path
) -> None:
    describe(model, "fp32", "fp32")
    tiny_models.write_onnx(model, outputs=2)
    with pytest.raises(IntegrityError, match="the description of another file"):
        prepared(device, model)


@ONE_EACH
def test_an_engine_that_was_brought_is_timed_as_it_is(
    tool: Tool, device: FakeDevice, hardware: HardwareProfile, machine: Machine, model: Path, tmp_path: Path
) -> None:
    tool(machine)
    prepared(device, model)
    (kept,) = machine.engines.glob("*.engine")
    brought = tmp_path / "brought.engine"
    brought.write_bytes(kept.read_bytes().replace(b'"own": true', b'"own": false'))
    found = single.profile_model(device, profile(hardware), brought, threads=1, with_layers=True, settings=SETTINGS)
    assert sum(len(block.latencies_ns) for block in found.blocks) == 6
    assert found.engine is not None
    assert (found.engine.key, found.engine.engine_sha256) == (None, file_sha256(brought))
    assert not any("engine" in warning for warning in found.warnings)  # nothing was asked of it
    assert found.operators is not None
    assert len(found.operators.layers) == 1


def test_what_is_sent_is_what_the_device_reads(device: FakeDevice, machine: Machine, model: Path) -> None:
    """The description on the device is a whole one, with the profile's settings in it."""
    job.put_programs(device)
    tasks.put_model(device, "small", "tensorrt", 1, model, Opening(engine=EngineSettings(workspace_mb=3)))
    device.get("small.onnx.build.json", model.with_name("back.json"))
    assert read_value(EngineDescription, model.with_name("back.json")).settings.workspace_mb == 3
