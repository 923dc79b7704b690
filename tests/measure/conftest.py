"""A device, and the tiny models as artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import board as boards
import file_artifact
import pytest
import tiny_models
from fake_device import FakeDevice

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
