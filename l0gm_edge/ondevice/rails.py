"""Writes down what a board's power rails and energy counters tell: `python rails.py FILE SECONDS`, until it is ended.

A line of JSON each time: `ns` (of the monotonic clock), `rails_mw`, `counters_uj`; and `line`, what tegrastats said,
where the system's files have no rails. It ends with the one who started it. For Python 3.8, standard library only. The
system's files lie below L0GM_EDGE_ROOT, by default /.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List, Tuple

ROOT = Path(os.environ.get("L0GM_EDGE_ROOT", "/"))
LONGEST = 2000
MICROWATTS = 1e-3  # in milliwatts

Factors = List[Tuple[Path, float]]
"""Files whose numbers, times these, multiply to milliwatts."""


def number(path: Path) -> int | None:
    """The whole number that a file holds, or None."""
    try:
        return int(path.read_text(encoding="ascii", errors="replace"))
    except (OSError, ValueError):
        return None


def text_of(path: Path) -> str:
    """What a file says; nothing where it is not there or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def rails() -> dict[str, Factors]:
    """Rails that can be read now, by name: of INA3221 and other monitors, in hwmon and in the older iio."""
    found: dict[str, Factors] = {}
    for chip in sorted((ROOT / "sys/class/hwmon").glob("hwmon*")):
        for volts in sorted(chip.glob("in[0-9]*_input")):
            current = volts.with_name(volts.name.replace("in", "curr", 1))
            name = text_of(volts.with_name(volts.name.replace("_input", "_label")))
            if name and current.exists():
                found[name] = [(volts, 1e-3), (current, 1.0)]
        for power in sorted(chip.glob("power[0-9]*_input")):
            name = text_of(power.with_name(power.name.replace("_input", "_label"))) or text_of(chip / "name")
            if name:
                found[name] = [(power, MICROWATTS)]
    for label in sorted((ROOT / "sys/bus/i2c/drivers/ina3221x").glob("*/iio:device*/rail_name_*")):
        power = label.with_name(f"in_power{label.name[len('rail_name_') :]}_input")
        if text_of(label):
            found[text_of(label)] = [(power, 1.0)]
    return {name: factors for name, factors in found.items() if milliwatts(factors) is not None}


def milliwatts(factors: Factors) -> float | None:
    """What a rail tells now, or None."""
    product = 1.0
    for path, scale in factors:
        value = number(path)
        if value is None or value < 0:
            return None
        product *= value * scale
    return product


def counters() -> dict[str, Path]:
    """Energy counters that can be read, by name: RAPL's packages and the like. Only root may, on most systems."""
    paths = sorted((ROOT / "sys/class/powercap").glob("intel-rapl:*/energy_uj"))
    whole = [path for path in paths if re.fullmatch(r"intel-rapl:\d+", path.parent.name)]
    return {text_of(path.with_name("name")): path for path in whole if number(path) is not None}


def spans() -> dict[str, int]:
    """Where each counter begins again."""
    found = {name: number(path.with_name("max_energy_range_uj")) for name, path in counters().items()}
    return {name: span for name, span in found.items() if span}


def available() -> bool:
    """Whether anything tells of power here."""
    return bool(rails() or counters() or shutil.which("tegrastats"))


def sample(told: dict[str, Factors], counted: dict[str, Path]) -> dict[str, Any]:
    """Everything, now."""
    powers = {name: milliwatts(factors) for name, factors in told.items()}
    energies = {name: number(path) for name, path in counted.items()}
    return {
        "ns": time.perf_counter_ns(),
        "rails_mw": {name: value for name, value in powers.items() if value is not None},
        "counters_uj": {name: value for name, value in energies.items() if value is not None},
    }


def main(target: str, seconds: float) -> None:
    """Write samples until our parent is gone, or somebody ends us."""
    parent, told, counted = os.getppid(), rails(), counters()
    with Path(target).open("w", encoding="utf-8") as file:
        if told or counted:
            while os.getppid() == parent:
                file.write(json.dumps(sample(told, counted)) + "\n")
                file.flush()
                time.sleep(seconds)
            return
        command = ["tegrastats", "--interval", str(int(seconds * 1000))]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as tool:
            assert tool.stdout is not None
            while os.getppid() == parent:
                line = tool.stdout.readline(LONGEST).decode("utf-8", "replace")
                if not line:
                    return
                empty: dict[str, float] = {}
                said = {"ns": time.perf_counter_ns(), "rails_mw": empty, "counters_uj": empty, "line": line}
                file.write(json.dumps(said) + "\n")
                file.flush()
            tool.kill()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
