"""Numbers as people read them: three significant digits, a unit, and plain words for what was not measured."""

from __future__ import annotations

import math

MISSING = "not measured"
NBSP = "\u00a0"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None) -> str:
    """Three significant digits: `0.163`, `91.8`, `1,234`, `1.2×10⁻⁷`; MISSING for null and NaN."""
    if value is None or math.isnan(value):
        return MISSING
    size = abs(float(f"{value:.3g}"))
    if math.isinf(size):
        return _signed("∞", value)
    if size == 0:
        return "0"
    if size < 1e-3 or size >= 1e9:
        mantissa, exponent = f"{size:.1e}".split("e")
        return _signed(f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}", value)
    if size >= 1000:
        return _signed(f"{abs(value):,.0f}", value)
    return _signed(f"{size:.{max(0, 2 - math.floor(math.log10(size)))}f}", value)


def count(value: float | None) -> str:
    """A count: `9,876`, `205 k`, `1.53 M`."""
    return _scaled(value, 10_000, ("", "k", "M", "G", "T"))


def size(value: float | None) -> str:
    """Bytes, in decimal units: `812 B`, `68.4 kB`, `1.20 MB`."""
    return _scaled(value, 1000, ("B", "kB", "MB", "GB", "TB"))


def milliseconds(value: float | None) -> str:
    """A latency, always in milliseconds, so that a column compares."""
    return _unit(number(value), "ms")


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with one decimal: `91.8 %`."""
    return MISSING if fraction is None or math.isnan(fraction) else _unit(_signed_fixed(100 * fraction, 1), "%")


def points(difference: float | None) -> str:
    """A difference of two fractions in percentage points, with its sign: `−0.37 points`."""
    if difference is None or math.isnan(difference):
        return MISSING
    value = round(100 * difference, 2)
    return _unit(("+" if value > 0 else "") + _signed_fixed(value, 2), "points")


def decimal(value: float | None) -> str:
    """A figure in 0..1 that is no percentage, such as ECE or AUROC, with three decimals: `0.031`."""
    return MISSING if value is None or math.isnan(value) else _signed_fixed(value, 3)


def times(ratio: float | None) -> str:
    """A ratio: `6.70×`."""
    text = number(ratio)
    return text if text == MISSING else f"{text}×"


def gain(ratio: float | None) -> str:
    """How many times less a ratio new/old is: 0.25 is `4.00×`, 1.25 is `0.800×`."""
    return MISSING if ratio is None or math.isnan(ratio) or ratio <= 0 else times(1 / ratio)


def factor(ratio: float | None, less: str, more: str) -> str:
    """A ratio new/old in words: 0.25 is `4.00× smaller`, 1.3 is `1.30× larger`, given those two words."""
    if ratio is None or math.isnan(ratio) or ratio <= 0:
        return MISSING
    return f"{times(1 / ratio)} {less}" if ratio <= 1 else f"{times(ratio)} {more}"


def duration(seconds: float) -> str:
    """A duration: `4.21 s`, `3 min 20 s`."""
    if not math.isfinite(seconds) or seconds < 60:
        return _unit(number(seconds), "s")
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}{NBSP}min {rest}{NBSP}s"


def quantity(value: float | None, unit: str) -> str:
    """A verdict's value or limit with the unit it came with."""
    if unit == "bytes":
        return size(value)
    text = number(value)
    return _unit(text, unit) if unit and text != MISSING else text


def _scaled(value: float | None, first: float, units: tuple[str, ...]) -> str:
    if value is None or not math.isfinite(value):
        return number(value)
    if abs(value) < first:
        return _unit(f"{value:,.0f}", units[0])
    rounded = float(f"{min(abs(value), 1e300):.3g}")  # 999,600 is 1.00 M, not 1,000 k
    power = min(int(math.log10(rounded) // 3), len(units) - 1)
    return _unit(number(value / 1000**power), units[power])


def _unit(text: str, unit: str) -> str:
    return text if not unit or text == MISSING else f"{text}{NBSP}{unit}"


def _signed(text: str, value: float) -> str:
    return f"−{text}" if value < 0 else text


def _signed_fixed(value: float, decimals: int) -> str:
    text = f"{abs(value):.{decimals}f}"
    return f"−{text}" if value < 0 and float(text) else text
