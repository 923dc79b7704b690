"""The page of a fleet."""

from __future__ import annotations

import fleets

from l0gm_edge.core.fleet import Fleet
from l0gm_edge.report.fleet_lines import columns, lines
from l0gm_edge.report.fleet_page import render

HOSTILE = "<script>alert(1)</script>"


def test_every_device_has_its_line_and_its_figures() -> None:
    told = lines(fleets.of_profiles())
    assert [(one.hardware, one.happened, one.reused) for one in told] == [
        ("fast", "did it", False),
        ("slow", "FAIL", True),
        ("gone", "not measured", False),
    ]
    assert told[0].figures[0].startswith("1.0")
    assert told[1].why.startswith("latency_p50: p50 is over its limit")
    assert told[2].figures == ("",) * len(columns(fleets.of_profiles()))
    assert told[2].why == "the device cannot be reached"


def test_the_page_says_the_worst_and_sets_devices_side_by_side() -> None:
    page = render(fleets.of_profiles())
    for told in ("3 devices", "On at least one device a verdict failed", "the fastest", "4.00× as long", "kept"):
        assert told in page
    assert page.index("slow, latency_p50") < page.index("Every device")
    assert page.count("How long one inference takes") == 2


def test_a_fleet_that_is_not_whole_is_no_pass() -> None:
    found = fleets.of_profiles()
    page = render(Fleet(subject=found.subject, members=(found.members[0], found.members[2])))
    assert "Not every device could be measured" in page
    assert 'class="banner inconclusive"' in page
    assert "Latency side by side" not in page


def test_comparisons_have_one_chart_and_a_body_each() -> None:
    found = fleets.of_comparisons()
    page = render(found)
    near_one, slower, none = (line.figures[0].partition("x")[0] for line in lines(found))
    assert abs(float(near_one) - 1) < 0.02
    assert abs(float(slower) - 1.5) < 0.03
    assert none == ""
    assert page.count("times the latency of the baseline") == 3
    assert "1.025" in page


def test_what_a_device_says_does_no_harm() -> None:
    page = render(Fleet(subject=HOSTILE, members=(fleets.member(HOSTILE, exit_status=4, said=HOSTILE),)))
    assert "<script" not in page
    assert "Nothing was measured" in page
