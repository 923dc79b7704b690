"""Jetson's `nvpmodel -q`: the power mode."""

from __future__ import annotations

import re

from l0gm_edge.measure.telemetry import Telemetry

COMMAND = ("nvpmodel", "-q")
STREAMS = False

MODE = re.compile(r"^\s*NV Power Mode:[ \t]*(\S[^\r\n]{0,60}?)[ \t]*$", re.MULTILINE)


def read(text: str) -> Telemetry:
    """The mode's name, such as MAXN or 15W."""
    found = MODE.search(text)
    return Telemetry(power_mode=found[1]) if found else Telemetry()
