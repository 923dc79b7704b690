"""TensorRT's engines on a machine whose GPU and TensorRT are made up: files, artifacts, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import file_artifact
import numpy as np
import pytest
from fake_device import FakeDevice
from fake_gpu import Machine

from l0gm_edge.backends import tensorrt
from l0gm_edge.check.checks import engine as engine_check
from l0gm_edge.core import arrays
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.engine import EngineRun, EngineSettings
from l0gm_edge.core.evidence import Measured, Readings
from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.opening import Opening
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.store import write_value
from l0gm_edge.core.verdict import Verdict
from l0gm_edge.measure import bench, job, tasks

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
CALIBRATION = np.arange(8, dtype=np.float32).reshape(2, 4)


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


def prepared(device: FakeDevice, model: Path, settings: EngineSettings | None = None, name: str = "small") -> EngineRun:
    job.put_programs(device)
    found = tasks.prepare(device, tasks.put_model(device, name, "tensorrt", 1, model, Opening(engine=settings)))
    assert found.engine is not None
    return found.engine
