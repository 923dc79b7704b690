"""Why the system holds the device back right now, from its files: cheap enough to be asked between blocks of runs.

For Python 3.8, standard library only. The system's files lie below L0GM_EDGE_ROOT, by default /.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(os.environ.get("L0GM_EDGE_ROOT", "/"))
THERMAL = "sys/class/thermal"
SLOWS = re.compile(r"processor|cpufreq|devfreq|powerclamp|throttle|alert|gpu", re.IGNORECASE)
"""Kinds of cooling device that cool by slowing down: no fan does."""
FIRMWARE = "sys/devices/platform/soc*/soc*firmware/get_throttled"
PI_REASONS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")


def text_of(path: Path) -> str:
    """What a file of the system says; nothing where it is not there or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def number(path: Path, base: int = 10) -> int | None:
    """The whole number that a file holds, or None."""
    try:
        return int(text_of(path), base)
    except ValueError:
        return None


class Watch:
    """Which files there are is found out once; each asking reads a few of them."""

    def __init__(self) -> None:
        self._cooling = []
        for folder in sorted((ROOT / THERMAL).glob("cooling_device*")):
            kind = text_of(folder / "type")
            if SLOWS.search(kind):
                self._cooling.append((kind, folder / "cur_state"))
        self._zones = []
        for folder in sorted((ROOT / THERMAL).glob("thermal_zone*")):
            trips = [
                number(kind.with_name(kind.name.replace("_type", "_temp")))
                for kind in folder.glob("trip_point_*_type")
                if text_of(kind) == "passive"
            ]
            known = [trip for trip in trips if trip is not None and trip > 0]
            if known:
                self._zones.append((text_of(folder / "type") or folder.name, folder / "temp", min(known)))
        self._firmware = sorted(ROOT.glob(FIRMWARE))

    def reasons(self) -> list[str]:
        """In words, sorted; empty where nothing holds it back, or nothing tells."""
        told = {f"{kind} slows it down" for kind, state in self._cooling if (number(state) or 0) > 0}
        for kind, path, limit in self._zones:
            found = number(path)
            if found is not None and found >= limit:
                told.add(f"{kind} is at its limit of {limit / 1000:.0f} °C")
        for path in self._firmware:
            word = number(path, 16) or 0
            told.update(reason for bit, reason in enumerate(PI_REASONS) if word >> bit & 1)
        return sorted(told)
