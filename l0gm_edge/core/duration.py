"""Lengths of time as people write them: 500ms, 90s, 30m, 1h30m."""

from __future__ import annotations

import re

from l0gm_edge.core.errors import RefusedInput

LONGEST_S = 7 * 24 * 3600.0
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}
ALLOWED = "a number and a unit, of h, m, s, ms, the longer ones first: 90s, 30m, 1h30m"

_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_DURATION = re.compile("".join(f"(?:{_NUMBER}{unit}(?![a-z]))?" for unit in UNITS), re.ASCII)


def seconds(text: str) -> float:
    """How many seconds a text means. Raises RefusedInput for none, more than a week, and anything else."""
    found = _DURATION.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise RefusedInput(f"'{text[:40]}' is no length of time", allowed=ALLOWED)
    total = sum(float(number) * UNITS[unit] for number, unit in zip(found.groups(), UNITS, strict=True) if number)
    if not 0 < total <= LONGEST_S:
        raise RefusedInput(
            f"'{text[:40]}' is no length of time to measure for", allowed="more than nothing, up to 168h"
        )
    return total


def told(length_s: float) -> str:
    """A length of time for a person, rounded to its two largest units."""
    if length_s < 1:
        return f"{length_s * 1e3:.0f}ms"
    whole = round(length_s)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours}h{minutes:02}m" if minutes else f"{hours}h"
    if minutes:
        return f"{minutes}m{rest:02}s" if rest else f"{minutes}m"
    return f"{rest}s"
