"""A profile whose models run in a stand-in for `benchmark_model`, on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import benchmark_stand_in
import pytest

from l0gm_edge.core import load
from l0gm_edge.core.hardware import HardwareProfile

Profile = Callable[..., HardwareProfile]


@pytest.fixture
def profile(root: Path, tmp_path: Path) -> Profile:
    """`profile(dialect, key=value...)`: host-cpu with a runner, which lies beside the test's files."""

    def made(dialect: str = "tflite", *, xnnpack: bool | None = None, **changes: object) -> HardwareProfile:
        program, sha256 = benchmark_stand_in.write(tmp_path / f"benchmark-{dialect}", dialect)
        plain = load.hardware(str(root / "hardware" / "host-cpu.yaml")).model_dump(exclude_unset=True)
        runner = {"path": str(program), "sha256": sha256, "xnnpack": xnnpack}
        runtimes = [{"name": "tflite", "schemes": ["fp32"], "runner": runner}]
        return HardwareProfile.model_validate({**plain, "runtimes": runtimes, **changes})

    return made
