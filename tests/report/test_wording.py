from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.report import wording

NBSP = wording.NBSP


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.1634, "0.163"),
        (9.996, "10.0"),
        (91.84, "91.8"),
        (999.6, "1,000"),
        (1234.4, "1,234"),
        (-0.5, "−0.500"),
        (1.23e-7, "1.2×10⁻⁷"),
        (None, "not measured"),
        (math.nan, "not measured"),
        (-math.inf, "−∞"),
    ],
)
def test_a_number_has_three_significant_digits(value: float | None, text: str) -> None:
    assert wording.number(value) == text


@given(st.floats(min_value=1e-3, max_value=999_000, allow_nan=False))
def test_a_number_is_within_half_a_percent_of_what_it_says(value: float) -> None:
    said = float(wording.number(value).replace(",", ""))
    assert math.isclose(said, value, rel_tol=0.0051)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (wording.count(9_876), "9,876"),
        (wording.count(205_322), f"205{NBSP}k"),
        (wording.count(999_999), f"1.00{NBSP}M"),
        (wording.size(812), f"812{NBSP}B"),
        (wording.size(1_199_600), f"1.20{NBSP}MB"),
        (wording.size(None), "not measured"),
        (wording.milliseconds(0.138), f"0.138{NBSP}ms"),
        (wording.percent(0.9184), f"91.8{NBSP}%"),
        (wording.points(-0.0037), f"−0.37{NBSP}points"),
        (wording.points(0.012), f"+1.20{NBSP}points"),
        (wording.points(-0.000001), f"0.00{NBSP}points"),
        (wording.decimal(0.0312), "0.031"),
        (wording.duration(4.213), f"4.21{NBSP}s"),
        (wording.duration(200), f"3{NBSP}min 20{NBSP}s"),
        (wording.quantity(0.5, "ms"), f"0.500{NBSP}ms"),
        (wording.quantity(None, "ms"), "not measured"),
        (wording.quantity(68_400, "bytes"), f"68.4{NBSP}kB"),
    ],
)
def test_units(text: str, expected: str) -> None:
    assert text.rstrip(NBSP) == expected


def test_a_ratio_says_which_way_it_goes() -> None:
    assert wording.factor(0.25, "smaller", "larger") == "4.00× smaller"
    assert wording.factor(1.3, "smaller", "larger") == "1.30× larger"
    assert wording.gain(0.25) == "4.00×"
    assert wording.gain(1.25) == "0.800×"
    assert wording.factor(None, "smaller", "larger") == wording.gain(0) == wording.MISSING


@given(st.one_of(st.none(), st.floats()))
def test_no_value_breaks_the_words(value: float | None) -> None:
    formats = (wording.number, wording.count, wording.size, wording.milliseconds, wording.percent, wording.points)
    for words in (*formats, wording.decimal, wording.times, wording.gain):
        assert words(value)
        assert "nan" not in words(value)
