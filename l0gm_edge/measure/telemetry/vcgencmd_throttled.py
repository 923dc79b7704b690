"""Raspberry Pi's `vcgencmd get_throttled`: why it runs slower than it can."""

from __future__ import annotations

import re

from l0gm_edge.measure.telemetry import Telemetry

COMMAND = ("vcgencmd", "get_throttled")
STREAMS = False

WORD = re.compile(r"\bthrottled=0x([0-9a-fA-F]{1,8})\b")
REASONS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
SINCE_BOOT = 16
"""The reasons' bits begin here a second time, for any moment since it was started."""


def read(text: str) -> Telemetry:
    """The reasons that hold now, and those that held since boot."""
    found = WORD.search(text)
    if not found:
        return Telemetry()
    word = int(found[1], 16)
    return Telemetry(throttled=_reasons(word), throttled_since_boot=_reasons(word >> SINCE_BOOT))


def _reasons(word: int) -> tuple[str, ...]:
    return tuple(reason for bit, reason in enumerate(REASONS) if word >> bit & 1)
