"""A run's artifacts measured by a native runner: aggregates where there would be samples, and why that is all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import file_artifact
import pytest
import tiny_models

from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.recipe import Measure
from l0gm_edge.devices import local
from l0gm_edge.measure import bench

Profile = Callable[..., HardwareProfile]
FEW = Measure(processes=2, blocks=2, runs_per_block=10)


def artifact(path: Path, role: Role = Role.COMPRESSED) -> tuple[Artifact, Path]:
    return file_artifact.of_file(path, role=role), path


def measured(hardware: HardwareProfile, tmp_path: Path, *files: tuple[Artifact, Path]) -> tuple[Measurement, ...]:
    with local.connect(hardware) as device:
        return bench.measure(device, hardware, files, {}, FEW, tmp_path / "out")


def test_each_artifact_has_a_process_s_aggregates_and_no_samples(profile: Profile, tmp_path: Path) -> None:
    model = artifact(tiny_models.write_tflite(tmp_path / "net.tflite"))
    floor = artifact(tiny_models.write_tflite(tmp_path / "floor.tflite"), Role.FLOOR)
    found, nothing = measured(profile(), tmp_path, model, floor)
    assert [one.runs for one in found.aggregates] == [20, 20]
    assert found.load_ns == tuple(one.init_ns for one in found.aggregates)
    assert (found.blocks, found.outputs) == ((), {})
    assert found.peak_memory_bytes
    assert "neither single runs nor outputs (mean" in (found.unmeasured or "")
    assert (nothing.aggregates, nothing.load_ns) == ((), ())


def test_off_real_hardware_nothing_is_timed(profile: Profile, tmp_path: Path) -> None:
    model = artifact(tiny_models.write_tflite(tmp_path / "net.tflite"))
    (found,) = measured(profile(execution="emulated"), tmp_path, model)
    assert (found.aggregates, found.load_ns, found.peak_memory_bytes) == ((), (), None)
    assert "nothing was timed" in (found.unmeasured or "")


def test_a_file_that_cannot_run_ends_only_a_run_that_requires_it(profile: Profile, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    with pytest.raises(DeviceFailed, match="did not finish: command failed"):
        measured(profile(), tmp_path, artifact(broken))
    hardware = profile()
    optional = hardware.model_copy(update={"runtimes": (hardware.runtimes[0].model_copy(update={"required": False}),)})
    (found,) = measured(optional, tmp_path, artifact(broken))
    assert "did not finish" in (found.unmeasured or "")
