"""Says what the device is and in which state: `python conditions.py [TOOLS]` prints one JSON document.

`machine` does not change; `conditions` does. What the device does not tell is null, never guessed. TOOLS is JSON: by
name, the command of a tool of the device's own, and whether it goes on until it is stopped; what those that are there
say comes back as it is under `answers`. Settings that a killed run left are given back first. For Python 3.8, standard
library only.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

ROOT = Path(os.environ.get("L0GM_EDGE_ROOT", "/"))
CPU = ROOT / "sys/devices/system/cpu"
THERMAL = ROOT / "sys/class/thermal"
TOOL_SECONDS, LONGEST = 5.0, 200_000
RUNTIMES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-qnn",
    "ai-edge-litert",
    "tflite-runtime",
    "tensorrt",
)


def text_of(path: Path) -> str | None:
    """What a file of the system says, or None where it is not there or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def numbers(paths: list[Path]) -> list[float]:
    """The whole numbers that these files hold, leaving out those that hold none."""
    texts = (text_of(path) or "" for path in paths)
    return [float(text) for text in texts if text.lstrip("-").isdigit()]


def machine() -> dict[str, str]:
    """Processor, cores, memory, system, Python, and the runtimes that are installed."""
    fields = ("model name", "Model", "Hardware")  # x86, Raspberry Pi, other ARM boards
    lines = (text_of(Path("/proc/cpuinfo")) or "").splitlines()
    told = [line.split(":", 1)[1].strip() for field in fields for line in lines if line.split("\t")[0].strip() == field]
    memory = [line.split()[1] for line in (text_of(Path("/proc/meminfo")) or "").splitlines() if "MemTotal" in line]
    return {
        "processor": (told or [platform.processor() or platform.machine()])[0],
        "cores": str(os.cpu_count()),
        "memory_mb": str(int(memory[0]) // 1024) if memory else "unknown",
        "system": platform.platform(),
        "python": platform.python_version(),
        **runtimes(),
    }


def runtimes() -> dict[str, str]:
    """Versions of the runtimes that this Python has."""
    versions = {package: _version(package) for package in RUNTIMES}
    return {package: version for package, version in versions.items() if version}


def _version(package: str) -> str:
    """The version installed; empty where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def conditions() -> dict[str, Any]:
    """Time, load, governor, mean clock of the cores and whether it may vary, the fan, the hottest thermal zone, and why
    the system holds itself back, right now."""
    clocks = numbers(sorted(CPU.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")))
    zones = numbers(sorted(THERMAL.glob("thermal_zone*/temp")))
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load_1m": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "governor": text_of(CPU / "cpu0" / "cpufreq" / "scaling_governor"),
        "frequency_mhz": sum(clocks) / len(clocks) / 1000 if clocks else None,
        "temperature_c": max(zones) / 1000 if zones else None,
        **beside("board").steadiness(),
        "throttled": beside("held_back").Watch().reasons(),
    }


def beside(name: str) -> Any:
    """Another of the programs that the host sends."""
    return import_module(f"{__package__}.{name}" if __package__ else name)


def answers(tools: dict[str, tuple[list[str], bool]]) -> dict[str, str]:
    """What each tool that is there says: of one that goes on, the first line."""
    return {name: answer(*tool) for name, tool in tools.items() if shutil.which(tool[0][0])}


def answer(command: list[str], streams: bool) -> str:
    """The start of what a tool prints; whatever it has printed by then when it takes too long."""
    tool = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    patience = threading.Timer(TOOL_SECONDS, tool.kill)
    patience.start()
    try:
        assert tool.stdout is not None
        said = tool.stdout.readline(LONGEST) if streams else tool.stdout.read(LONGEST)
        return said.decode("utf-8", "replace")
    finally:
        patience.cancel()
        tool.kill()
        tool.communicate()


if __name__ == "__main__":
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    with suppress(beside("settings").Refused):  # what stands is told below
        beside("settings").recover()
    asked = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    print(json.dumps({"machine": machine(), "conditions": conditions(), "answers": answers(asked)}))
