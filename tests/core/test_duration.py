"""Lengths of time as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core import duration
from l0gm_edge.core.errors import RefusedInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30m", 1800),
        ("1h30m", 5400),
        ("90s", 90),
        (" 500MS ", 0.5),
        ("1.5h", 5400),
        ("2m500ms", 120.5),
        ("168h", 604800),
    ],
)
def test_units_add_up(text: str, seconds: float) -> None:
    assert duration.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "30", "m", "30 m", "m30", "30m1h", "-5s", "1e3s", "٣m", "5mm", "0s", "169h", "1.m"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RefusedInput, match="is no length of time"):
        duration.seconds(text)


@given(st.integers(1, 3600 * 24 * 7))
def test_what_is_told_is_read_back_within_a_minute(whole: int) -> None:
    assert abs(duration.seconds(duration.told(whole)) - whole) < (1 if whole < 3600 else 60)


@given(st.text(max_size=60) | st.from_regex(r"([0-9.]{1,12}(h|m|s|ms)){1,4}", fullmatch=True))
def test_noise_is_refused_or_a_sane_time(text: str) -> None:
    try:
        found = duration.seconds(text)
    except RefusedInput:
        return
    assert 0 < found <= duration.LONGEST_S
