"""Whether the machine stayed as it was while an artifact was timed."""

from __future__ import annotations

from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.steady import disturbances


def unsteady(measurement: Measurement, hardware: HardwareProfile) -> str | None:
    """What makes the timing no evidence for this profile, in words, or None."""
    before, after = measurement.conditions_before, measurement.conditions_after
    return next(iter(disturbances(before, after, hardware, measurement.held_back)), None)
