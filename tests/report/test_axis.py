from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from l0gm_edge.report.axis import Axis

values = st.floats(min_value=1e-6, max_value=1e6)


@given(low=values, high=values, value=values, logarithmic=st.booleans())
def test_values_and_ticks_land_on_the_axis(low: float, high: float, value: float, logarithmic: bool) -> None:
    assume(high > 1.001 * low)
    axis = Axis(low, high, 50, 350, logarithmic)
    assert 50 <= axis.place(value) <= 350
    assert (axis.place(low), axis.place(high)) == (50, 350)
    positions = [axis.place(tick) for tick in axis.ticks()]
    assert positions == sorted(positions)
    assert all(50 <= position <= 350 for position in positions)


def test_an_axis_may_run_upwards() -> None:
    axis = Axis(0, 10, 200, 0)
    assert [axis.place(value) for value in (0, 5, 10)] == [200, 100, 0]


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis(0, 0.46, 0, 1), (0, 0.1, 0.2, 0.3, 0.4)),
        (Axis(0.893, 0.924, 0, 1), (0.9, 0.91, 0.92)),
        (Axis(0.2, 40, 0, 1, logarithmic=True), (0.3, 1, 3, 10, 30)),
    ],
)
def test_ticks_are_round(axis: Axis, ticks: tuple[float, ...]) -> None:
    assert axis.ticks() == ticks


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_an_axis_around_values_has_room_for_them_and_no_noise_fills_it(found: list[float]) -> None:
    axis = Axis.around(found, 0, 100)
    assert axis.low <= min(found) <= max(found) < axis.high
    assert axis.high - axis.low >= 0.02 * max(found)
    assert (axis.low < 0) == (min(found) < 0)
