"""Jetson's `tegrastats`: a line of everything, in the dialects of JetPack 4 to 7."""

from __future__ import annotations

import re

from l0gm_edge.measure.telemetry import Telemetry, numbers, temperatures

COMMAND = ("tegrastats", "--interval", "200")
STREAMS = True

TEMPERATURE = r"\b([A-Za-z][\w.-]*)@(-?\d{1,4}(?:\.\d{1,6})?)C\b"
# `VDD_IN 4523mW/4523mW`, and before JetPack 5 `VDD_IN 14025/14416`: now, and the mean.
RAIL = r"\b((?:VDD|VIN|POM|CPU|GPU|SYS)\w*) (\d{1,9})(?:mW)?/\d+(?:mW)?(?= |$)"
# `10%`, `10%@1300`, `@[1000,1000]`, `0%@[1300,1300]`
GPU = re.compile(r"\bGR3D\d*_FREQ (?:(\d{1,3})%)?(?:@\[?(\d{1,6})(?:,\d+)*\]?)?")
CPU = re.compile(r"\bCPU \[([^\]]*)\]")
CORE = re.compile(r"(\d{1,3})%@(\d{1,6})\b")


def read(text: str) -> Telemetry:
    """Temperatures, power rails, clocks and loads of the last whole line."""
    line = next((one for one in reversed(text.splitlines()) if "RAM " in one), "")
    clocks: dict[str, float] = {}
    loads: dict[str, float] = {}
    if cores := CPU.search(line):
        known = CORE.findall(cores[1])
        if known:
            loads["cpu"] = sum(float(load) for load, _ in known) / len(known)
            clocks["cpu"] = max(float(clock) for _, clock in known)
    if gpu := GPU.search(line):
        if gpu[1]:
            loads["gpu"] = float(gpu[1])
        if gpu[2]:
            clocks["gpu"] = float(gpu[2])
    return Telemetry(
        temperatures_c=temperatures(numbers(TEMPERATURE, line)),
        rails_mw=numbers(RAIL, line),
        clocks_mhz=clocks,
        loads=loads,
    )
