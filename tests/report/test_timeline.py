"""A long run as panels over time."""

from __future__ import annotations

from itertools import pairwise

import profiles
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.report import timeline as charts
from l0gm_edge.report.timeline import moment, timeline

COOL = {"runs": 9, "p50_ns": 1e6, "p90_ns": 2e6, "temperature_c": None, "frequency_mhz": None, "held_back": ()}
MAYBE = st.none() | st.floats(-40, 120)


def test_everything_that_is_known_has_a_panel_below_the_one_before() -> None:
    drawn = timeline(profiles.sustained())
    assert [one.title for one in drawn.panels] == ["p50 latency, ms", "p90 latency, ms", "temperature, °C"]
    assert all(above.bottom < below.top for above, below in pairwise(drawn.panels))
    assert drawn.bottom == drawn.panels[-1].bottom
    (p50,) = drawn.panels[0].pieces
    assert all(earlier[1] > later[1] for earlier, later in pairwise(p50))  # slower and slower is higher and higher
    assert [tick.text for tick in drawn.ticks] == ["0s", "5m", "10m", "15m", "20m", "25m", "30m"]
    assert drawn.rest == (charts.LEFT + charts.RIGHT) / 2
    assert "temperature from 40 to 70 °C, held back in 60 windows" in drawn.description


def test_stretches_for_the_same_reason_are_one_and_a_change_begins_another() -> None:
    reasons = ((), ("hot",), ("hot",), ("hot", "low power"), (), ("hot",))
    points = [{**COOL, "seconds": 10.0 * (k + 1), "held_back": why} for k, why in enumerate(reasons)]
    drawn = timeline(profiles.sustained(points=points))
    assert [one.title for one in drawn.held_back] == ["held back: hot", "held back: hot, low power", "held back: hot"]
    step = (charts.RIGHT - charts.LEFT) / 6
    assert [round((one.left - charts.LEFT) / step, 3) for one in drawn.held_back] == [1, 3, 5]
    assert [round(one.width / step, 2) for one in drawn.held_back] == [2, 1, 1]


def test_a_gap_cuts_a_line_and_a_window_tells_what_it_knows() -> None:
    clocks = (1500.0, 1400.0, None, 1200.0)
    points = [{**COOL, "seconds": 0.5 * (k + 1), "frequency_mhz": clock} for k, clock in enumerate(clocks)]
    drawn = timeline(profiles.sustained(points=points, steady_after_s=None))
    assert [len(piece) for piece in drawn.panels[2].pieces] == [2, 1]
    assert drawn.windows[0].title == "0s to 0.5s: p50 1.00\xa0ms, p90 2.00\xa0ms; 1,500\xa0MHz"
    assert drawn.windows[2].title == "1s to 1.5s: p50 1.00\xa0ms, p90 2.00\xa0ms"
    assert drawn.rest is None


@given(st.lists(st.tuples(st.floats(0.1, 1e4), st.floats(1, 1e12), MAYBE), min_size=1, max_size=130), st.floats(0, 6e5))
def test_whatever_was_measured_is_drawn_within_its_panel(
    windows: list[tuple[float, float, float | None]], rest: float
) -> None:
    ends = [sum(length for length, _, _ in windows[: k + 1]) for k in range(len(windows))]
    points = [
        {**COOL, "seconds": at, "p50_ns": ns, "p90_ns": 1.5 * ns, "temperature_c": heat}
        for at, (_, ns, heat) in zip(ends, windows, strict=True)
    ]
    drawn = timeline(profiles.sustained(points=points, steady_after_s=rest))
    for panel in drawn.panels:
        known = [place for piece in panel.pieces for place in piece]
        assert known
        assert all(panel.top <= y <= panel.bottom and charts.LEFT <= x <= charts.RIGHT for x, y in known)
        assert all(panel.top <= tick.at <= panel.bottom for tick in panel.ticks)
    assert 1 <= len(drawn.ticks) <= charts.TICKS + 2
    assert len(drawn.windows) == len(points)


def test_a_moment_has_tenths_while_they_matter() -> None:
    assert [moment(at) for at in (0, 0.5, 59.94, 61, 3700)] == ["0s", "0.5s", "59.9s", "1m01s", "1h01m"]
