"""Says what the device is made of: `python identity.py` prints one JSON document, null where it does not tell.

Keys are those of a hardware profile: chipset, module, software, cpu_cores, cpu_mhz, memory_gb. One file for Python 3.8,
standard library only.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path("/")
NAMELESS = {"", "none", "default string", "system product name", "to be filled by o.e.m."}


def text_of(path: str) -> str:
    """What a file of the system says; nothing where it is not there or may not be read."""
    try:
        return (ROOT / path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def field(text: str, name: str) -> str | None:
    """The first value of `name: value` or `name=value` in a text."""
    found = re.search(r"(?m)^" + re.escape(name) + r'\s*[:=]\s*"?([^"\n]*)', text)
    return found.group(1).strip() if found and found.group(1).strip() else None


def android(*names: str) -> str | None:
    """Properties of Android, one beside the other; none on another system."""
    found = []
    for name in names:
        try:
            told = subprocess.run(["getprop", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10)
        except (OSError, subprocess.SubprocessError):
            return None
        found.append(told.stdout.decode("utf-8", "replace").strip())
    return " ".join(one for one in found if one) or None


def chipset() -> str | None:
    """Android's name of the system on a chip, else the device tree's (its most general stands last), else the CPU's."""
    told = android("ro.soc.manufacturer", "ro.soc.model")
    if told:
        return told
    names = [name for name in text_of("proc/device-tree/compatible").split("\0") if name]
    return names[-1] if names else field(text_of("proc/cpuinfo"), "model name")


def module() -> str | None:
    """The board's own name."""
    told = android("ro.product.manufacturer", "ro.product.model")
    if told:
        return told
    board = text_of("proc/device-tree/model").strip("\0 \n") or field(text_of("proc/cpuinfo"), "Model")
    product = text_of("sys/devices/virtual/dmi/id/product_name").strip()
    return board or (None if product.lower() in NAMELESS else product)


def software() -> str:
    """The distribution, NVIDIA's release of it where there is one, and the kernel."""
    l4t = re.match(r"# (R\d+) \(release\), REVISION: ([\d.]+)", text_of("etc/nv_tegra_release"))
    release = android("ro.build.version.release")
    parts = (
        "Android " + release if release else None,
        field(text_of("etc/os-release"), "PRETTY_NAME"),
        "L4T {}.{}".format(*l4t.groups()) if l4t else None,
        platform.system() + " " + platform.release(),
    )
    return ", ".join(part for part in parts if part)


def cpu_mhz() -> float | None:
    """The highest clock of any core."""
    files = sorted((ROOT / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/cpuinfo_max_freq"))
    clocks = [text_of(str(path.relative_to(ROOT))).strip() for path in files]
    return max((int(clock) / 1000 for clock in clocks if clock.isdigit()), default=None)


def memory_gb() -> float | None:
    """What the system can use, in 2**30 bytes."""
    kilobytes = (field(text_of("proc/meminfo"), "MemTotal") or "").split(" ")[0]
    return round(int(kilobytes) / 2**20, 2) if kilobytes.isdigit() else None


def identity() -> dict[str, Any]:
    """Everything above, by the keys of a profile."""
    return {
        "chipset": chipset(),
        "module": module(),
        "software": software(),
        "cpu_cores": os.cpu_count(),
        "cpu_mhz": cpu_mhz(),
        "memory_gb": memory_gb(),
    }


if __name__ == "__main__":
    print(json.dumps(identity()))
