"""Models timed by a native runner, LiteRT's `benchmark_model`, where there is no Python: aggregates, and no samples."""

from __future__ import annotations

from pathlib import Path

from l0gm_edge.core.aggregates import ONLY
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.store import require_digest


def require(hardware: HardwareProfile) -> None:
    """Raise IntegrityError unless the profile's runner, if it has one, lies here and is what its digest says."""
    if hardware.runner is not None:
        require_digest(Path(hardware.runner.path), hardware.runner.sha256)


def refuse(hardware: HardwareProfile, what: str) -> None:
    """Raise RefusedInput for what needs the samples or the Python of a device, where a runner is all it has."""
    if hardware.runner is not None:
        raise RefusedInput(
            f"{what} needs what Python on the device gives, and {ONLY}",
            where=f"hardware profile {hardware.name}",
            allowed="l0gm-edge profile, and run, whose checks stay INCONCLUSIVE",
        )
