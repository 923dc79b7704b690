"""Whether the machine stayed as it was while an artifact was timed."""

from __future__ import annotations

from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Measurement


def unsteady(measurement: Measurement, hardware: HardwareProfile) -> str | None:
    """What makes the timing no evidence for this profile, in words, or None. What a machine does not tell is passed."""
    before, after = measurement.conditions_before, measurement.conditions_after
    settings = (
        ("power mode", hardware.power_mode, before.power_mode, after.power_mode),
        ("frequency governor", hardware.governor, before.governor, after.governor),
    )
    for name, wanted, first, last in settings:
        if first != last:
            return f"the {name} changed from {first} to {last} while it was timed"
        if wanted and last and wanted != last:
            return f"the {name} was {last}, the profile asks for {wanted}"
    hottest = max(before.temperature_c or 0, after.temperature_c or 0)
    if hardware.max_temperature_c and hottest > hardware.max_temperature_c:
        return f"the machine was at {hottest:.0f} °C, above the profile's {hardware.max_temperature_c:.0f} °C"
    return None
