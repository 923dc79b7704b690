"""TensorRT's engines on a machine whose GPU and TensorRT are made up: what reaches them, and what comes home."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import fake_gpu
import file_artifact
import numpy as np
import pytest
import tiny_models
from fake_device import FakeDevice
from fake_gpu import Machine

from l0gm_edge.backends import tensorrt
from l0gm_edge.check.checks import engine as engine_check
from l0gm_edge.core import arrays
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.engine import EngineDescription, EngineRun, EngineSettings
from l0gm_edge.core.engine_layers import run_verdict
from l0gm_edge.core.errors import DeviceFailed, IntegrityError
from l0gm_edge.core.evidence import Measured, Readings
from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.opening import Opening
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.store import file_sha256, read_value, write_value
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.measure import bench, job, single, tasks

SETTINGS = Measure(processes=1, blocks=2, runs_per_block=3)
ROWS = {"test": {"x": np.random.default_rng(5).standard_normal((3, 4)).astype(np.float32)}}
Tool = Callable[[Machine], None]

PYTHON_10: Tool = lambda machine: machine.has_python("10.3.0")  # noqa: E731
PYTHON_11: Tool = lambda machine: machine.has_python("11.1.0.106")  # noqa: E731
TRTEXEC_10: Tool = lambda machine: machine.has_trtexec("10.3.0")  # noqa: E731
TRTEXEC_11: Tool = lambda machine: machine.has_trtexec("11.1.0")  # noqa: E731
ONE_EACH = pytest.mark.parametrize("tool", [PYTHON_10, TRTEXEC_11], ids=["Python 10", "trtexec 11"])
EVERY = pytest.mark.parametrize(
    "tool", [PYTHON_10, PYTHON_11, TRTEXEC_10, TRTEXEC_11], ids=["Python 10", "Python 11", "trtexec 10", "trtexec 11"]
)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_gpu.driver(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def machine(driver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "machine").mkdir()
    return fake_gpu.plugged_in(tmp_path / "machine", driver, monkeypatch)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A linear layer bound for TensorRT, without a description."""
    return tiny_models.write_onnx(tmp_path / "small.trt.onnx")


def describe(model: Path, scheme: str, kind: str, rows: np.ndarray | None = None) -> None:
    """Put a description beside a file that asks for a precision; with rows, for TensorRT's own calibrator."""
    if rows is not None:
        arrays.write(model.with_suffix(tensorrt.CALIBRATION), {"x": rows})
    made = tensorrt.described(model, scheme, EngineSettings())
    asking = made.model_copy(update={"precisions": dict.fromkeys(made.precisions, kind)})
    write_value(model.with_suffix(tensorrt.DESCRIPTION), asking)


def profile(
    hardware: HardwareProfile, *, required: bool = True, engine: EngineSettings | None = None
) -> HardwareProfile:
    runtime = Runtime(name="tensorrt", schemes=("fp32", "fp16"), required=required, engine=engine)
    return hardware.model_copy(update={"runtimes": (*hardware.runtimes, runtime)})


def artifact(path: Path, runtime: str = "tensorrt", scheme: str = "fp32") -> tuple[Artifact, Path]:
    return file_artifact.of_file(path, name=f"{runtime}-{scheme}", runtime=runtime, scheme=scheme), path


def measured(
    device: FakeDevice, hardware: HardwareProfile, folder: Path, *artifacts: tuple[Artifact, Path]
) -> tuple[Measurement, ...]:
    return bench.measure(device, hardware, artifacts, ROWS, SETTINGS, folder)


def engine_of(found: Measurement) -> EngineRun:
    assert found.engine is not None
    return found.engine


def precision(hardware: HardwareProfile, one: Artifact, found: Measurement) -> Verdict:
    readings = Readings(hardware=hardware, reference={Role.COMPRESSED: {}}, measured=(Measured(one, found, {}),))
    (verdict,) = engine_check.check(readings)
    return verdict


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


def prepared(device: FakeDevice, model: Path, settings: EngineSettings | None = None, name: str = "small") -> EngineRun:
    job.put_programs(device)
    found = tasks.prepare(device, tasks.put_model(device, name, "tensorrt", 1, model, Opening(engine=settings)))
    assert found.engine is not None
    return found.engine


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


CALIBRATION = np.arange(8, dtype=np.float32).reshape(2, 4)


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


def test_what_is_sent_is_what_the_device_reads(device: FakeDevice, machine: Machine, model: Path) -> None:
    """The description on the device is a whole one, with the profile's settings in it."""
    job.put_programs(device)
    tasks.put_model(device, "small", "tensorrt", 1, model, Opening(engine=EngineSettings(workspace_mb=3)))
    device.get("small.onnx.build.json", model.with_name("back.json"))
    assert read_value(EngineDescription, model.with_name("back.json")).settings.workspace_mb == 3
