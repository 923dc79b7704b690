"""Android's `dumpsys thermalservice`: temperatures as the hardware tells them, and whether it throttles."""

from __future__ import annotations

import re

from l0gm_edge.measure.telemetry import Telemetry, temperatures

COMMAND = ("dumpsys", "thermalservice")
STREAMS = False

STATUS = re.compile(r"^\s*Thermal Status:\s*(\d)\b", re.MULTILINE)
STATUSES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""android.os.PowerManager.THERMAL_STATUS_*"""
CURRENT = re.compile(
    r"Current temperatures from HAL:(.*?)(?:^\s*(?:Current|Cached|Temperature) [^{\n]*:|\Z)", re.DOTALL | re.MULTILINE
)
SENSOR = re.compile(r"Temperature\{mValue=(-?\d{1,4}(?:\.\d{1,8})?), mType=-?\d+, mName=([^,{}]{1,40}), mStatus=\d\}")


def read(text: str) -> Telemetry:
    """Current temperatures by sensor, cached ones left out; the thermal status where it is not none."""
    status, current = STATUS.search(text), CURRENT.search(text)
    level = int(status[1]) if status else 0
    sensors = {name: float(value) for value, name in SENSOR.findall(current[1])} if current else {}
    return Telemetry(
        temperatures_c=temperatures(sensors),
        throttled=(f"thermal status {STATUSES[level]}",) if 0 < level < len(STATUSES) else (),
    )
