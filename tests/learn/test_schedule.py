"""Learning rates: where they begin, peak and end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.learn import schedule


@given(st.integers(1, 400), st.data())
def test_rates_lie_within_0_and_1(steps: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(0, steps - 1))
    for rate in (schedule.cosine(step, steps), schedule.constant(step, steps)):
        assert 0 < rate <= 1


def test_cosine_rises_for_a_twentieth_then_falls_to_nothing() -> None:
    rates = [schedule.cosine(step, 200) for step in range(201)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == 1
    assert rates[105] == pytest.approx(0.5)
    assert rates[200] == pytest.approx(0)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_constant_rises_and_stays() -> None:
    rates = [schedule.constant(step, 200) for step in range(200)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert set(rates[9:]) == {1}
