"""A device, and the tiny models as artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import board as boards
import fake_gpu
import file_artifact
import pytest
import tiny_models
from fake_device import FakeDevice
from fake_gpu import Machine

from l0gm_edge.core import load
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.devices import local


@pytest.fixture
def hardware(root: Path) -> HardwareProfile:
    return load.hardware(str(root / "hardware" / "host-cpu.yaml"))


@pytest.fixture
def device(hardware: HardwareProfile) -> Iterator[FakeDevice]:
    with local.connect(hardware) as real:
        yield FakeDevice(real)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> boards.Board:
    """A Jetson that is a folder, as which this machine appears."""
    return boards.appearing(tmp_path, monkeypatch)


def artifact(path: Path, role: Role = Role.COMPRESSED) -> tuple[Artifact, Path]:
    return file_artifact.of_file(path, role=role), path


@pytest.fixture
def artifacts(tmp_path: Path) -> list[tuple[Artifact, Path]]:
    """A compressed model for each runtime, and a floor."""
    return [
        artifact(tiny_models.write_onnx(tmp_path / "one.onnx")),
        artifact(tiny_models.write_tflite(tmp_path / "two.tflite", fallback=True)),
        artifact(tiny_models.write_onnx(tmp_path / "floor.onnx"), Role.FLOOR),
    ]


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
