"""The page of a long run."""

from __future__ import annotations

import profiles
import pytest

from l0gm_edge.report.profile_page import render, view
from l0gm_edge.report.profile_sustained import change, rest

HOSTILE = "<script>alert(1)</script>"


def test_the_page_tells_where_it_began_and_ended_and_what_held_it_back() -> None:
    page = render(profiles.sustained())
    for told in (
        "L0GM-Edge sustained profile",
        "p50 at the beginning",
        "1.90× slower",
        "at rest after 15m",
        "40 → 69.8\xa0°C",
        "60 of 120 windows",
        "first after 15m",
        "12,000 runs in one process without a pause, in 120 windows. This device does not tell its clock.",
        "held back by the device",
        "p90 latency, ms",
        "15m15s",
    ):
        assert told in page, told
    assert page.count('class="window"') == 120
    assert "Operators" not in page


def test_heat_is_no_fault_where_one_looks_for_it() -> None:
    assert not view(profiles.sustained()).spoiled
    assert "</span> Careful</p>" in render(profiles.sustained())


def test_a_device_that_tells_nothing_is_said_to() -> None:
    points = [one.model_copy(update={"temperature_c": None, "held_back": ()}) for one in profiles.sustained(4).points]
    page = render(profiles.sustained(points=points, warnings=(), disturbed=()))
    assert "does not tell its temperature and clock" in page
    assert "as far as the device tells" in page
    assert "held back by the device" not in page
    assert "banner" not in page.partition("</style>")[2]


@pytest.mark.parametrize(
    ("drift", "after", "told"),
    [
        (1.004, 0.0, "at rest all the time; as fast at the end as at the beginning"),
        (1.1, None, "never at rest; 10.0% slower at the end than at the beginning"),
        (0.9, 75.0, "at rest after 1m15s; 10.0% faster at the end than at the beginning"),
    ],
)
def test_drift_and_rest_are_told_in_words(drift: float, after: float | None, told: str) -> None:
    found = profiles.sustained(drift=drift, steady_after_s=after)
    assert f"{rest(found)}; {change(found)}" == told


def test_hostile_reasons_do_no_harm() -> None:
    points = [one.model_copy(update={"held_back": (HOSTILE,)}) for one in profiles.sustained(3).points]
    page = render(profiles.sustained(points=points))
    assert "<script" not in page
    assert "all the time" in page
