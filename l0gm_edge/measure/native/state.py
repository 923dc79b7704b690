"""What a device without Python is and in which state: asked through its shell, and of its own tools."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.measurement import Conditions
from l0gm_edge.core.profiled import State
from l0gm_edge.devices import Device, Outcome
from l0gm_edge.measure import conditions, telemetry
from l0gm_edge.measure.job import why

TIMEOUT_S = 30.0
LONGEST = 500
# `KEY VALUE` lines, and `tool NAME` for each argument that is a program there; for POSIX sh, Android's among them.
SCRIPT = r"""
cpu=/sys/devices/system/cpu
say() { [ -z "$2" ] || echo "$1 $2"; }
say time "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
say processor "$(getprop ro.soc.model 2>/dev/null)"
say processor "$(grep -m 1 -E '^(model name|Model|Hardware)' /proc/cpuinfo | cut -d : -f 2-)"
say processor "$(uname -m)"
say cores "$(grep -c '^processor' /proc/cpuinfo)"
say memory_kb "$(grep MemTotal /proc/meminfo | tr -cd 0-9)"
say system "$(uname -s -r) $(getprop ro.build.fingerprint 2>/dev/null)"
say load "$(cut -d ' ' -f 1 /proc/loadavg)"
say governor "$(cat $cpu/cpu0/cpufreq/scaling_governor)"
for file in $cpu/cpu[0-9]*/cpufreq/scaling_cur_freq; do say clock_khz "$(cat "$file")"; done
for file in /sys/class/thermal/thermal_zone*/temp; do say millidegrees "$(cat "$file")"; done
for tool in "$@"; do command -v "$tool" >/dev/null && echo "tool $tool"; done
:
"""


def read(device: Device) -> State:
    """Ask the device; what it does not tell is null. Raises DeviceFailed when it does not answer."""
    readers = {name: telemetry.plugin(name) for name in telemetry.names()}
    asked = {name: one.COMMAND for name, one in readers.items() if not one.STREAMS}
    tools = list(dict.fromkeys(command[0] for command in asked.values()))
    ended = device.run(["sh", "-c", SCRIPT, "l0gm-edge", *tools], TIMEOUT_S)
    if ended.outcome is not Outcome.OK:
        raise DeviceFailed(f"the device does not tell its state: {why(ended)}")
    told: dict[str, list[str]] = {}
    for line in ended.stdout.splitlines():
        key, _, value = line[:LONGEST].partition(" ")
        told.setdefault(key, []).append(value.strip())
    answers = {}
    for name, command in asked.items():
        if command[0] in told.get("tool", ()):
            answered = device.run(command, TIMEOUT_S)
            if answered.outcome is Outcome.OK:
                answers[name] = answered.stdout[: telemetry.LONGEST]
    try:
        return State(
            machine=_machine(told), conditions=conditions.with_tools(_conditions(told), telemetry.merged(answers))
        )
    except ValidationError as error:
        raise DeviceFailed("the device's account of its state makes no sense", where=ended.stdout[:200]) from error


def _machine(told: Mapping[str, list[str]]) -> dict[str, str]:
    kilobytes = _numbers(told, "memory_kb")
    return {
        "processor": _first(told, "processor") or "unknown",
        "cores": str(max(1, int(next(iter(_numbers(told, "cores")), 1)))),
        "memory_mb": str(int(kilobytes[0]) // 1024) if kilobytes else "unknown",
        "system": _first(told, "system") or "unknown",
    }


def _conditions(told: Mapping[str, list[str]]) -> Conditions:
    clocks, zones = _numbers(told, "clock_khz"), _numbers(told, "millidegrees")
    warm = telemetry.temperatures({str(index): one / 1000 for index, one in enumerate(zones)})
    return Conditions(
        time=_first(told, "time") or "unknown",
        load_1m=next(iter(_numbers(told, "load")), None),
        governor=_first(told, "governor"),
        frequency_mhz=sum(clocks) / len(clocks) / 1000 if clocks else None,
        temperature_c=max(warm.values(), default=None),
    )


def _first(told: Mapping[str, list[str]], key: str) -> str | None:
    return next((value for value in told.get(key, ()) if value), None)


def _numbers(told: Mapping[str, list[str]], key: str) -> list[float]:
    """The numbers under a key, leaving out what is none."""
    return [float(value) for value in told.get(key, ()) if value.replace(".", "", 1).isdecimal() and len(value) < 20]
