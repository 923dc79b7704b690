"""Jetson's `jetson_clocks --show` (root only): governors and clocks."""

from __future__ import annotations

import re

from l0gm_edge.measure.telemetry import Telemetry

COMMAND = ("jetson_clocks", "--show")
STREAMS = False

CPU = re.compile(r"^cpu\d+:.*?\bGovernor=(\w+).*?\bCurrentFreq=(\d{1,12})\b", re.MULTILINE)
UNIT = re.compile(r"^(GPU|EMC)\b.*?\bCurrentFreq=(\d{1,12})\b", re.MULTILINE)


def read(text: str) -> Telemetry:
    """Governors of the cores, the fastest core's clock (told in kHz), and those of GPU and memory (told in Hz)."""
    cores = CPU.findall(text)
    clocks = {unit.lower(): float(hertz) / 1e6 for unit, hertz in UNIT.findall(text)}
    if cores:
        clocks["cpu"] = max(float(kilohertz) for _, kilohertz in cores) / 1e3
    return Telemetry(governors=tuple(sorted({governor for governor, _ in cores})), clocks_mhz=clocks)
