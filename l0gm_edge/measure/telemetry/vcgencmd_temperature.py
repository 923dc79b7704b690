"""Raspberry Pi's `vcgencmd measure_temp`: the processor's temperature."""

from __future__ import annotations

import re

from l0gm_edge.measure.telemetry import Telemetry, temperatures

COMMAND = ("vcgencmd", "measure_temp")
STREAMS = False

TEMPERATURE = re.compile(r"\btemp=(-?\d{1,4}(?:\.\d{1,6})?)'C")


def read(text: str) -> Telemetry:
    """The temperature, under the name soc."""
    found = TEMPERATURE.search(text)
    return Telemetry(temperatures_c=temperatures({"soc": float(found[1])})) if found else Telemetry()
