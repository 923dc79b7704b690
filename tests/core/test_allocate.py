from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.allocate import Option, cheapest
from l0gm_edge.core.errors import RefusedInput

FIGURES = st.floats(0, 100)
PARTS = st.lists(st.lists(st.tuples(FIGURES, FIGURES), min_size=1, max_size=3), min_size=1, max_size=6)


def parts(figures: list[list[tuple[float, float]]]) -> dict[str, list[Option]]:
    return {
        f"part {number}": [Option(name=str(at), cost=cost, error=error) for at, (cost, error) in enumerate(options)]
        for number, options in enumerate(figures)
    }


def totals(options: list[Option]) -> tuple[float, float]:
    return sum(option.cost for option in options), sum(option.error for option in options)


@given(PARTS, st.floats(0, 300))
def test_none_of_all_combinations_is_better(figures: list[list[tuple[float, float]]], limit: float) -> None:
    given_parts = parts(figures)
    everything = [totals(list(one)) for one in itertools.product(*given_parts.values())]
    fitting = [one for one in everything if one[1] <= limit]
    if not fitting:
        with pytest.raises(RefusedInput):
            cheapest(given_parts, limit)
        return
    found = cheapest(given_parts, limit)
    assert list(found) == list(given_parts)
    assert all(option in given_parts[name] for name, option in found.items())
    cost, error = totals(list(found.values()))
    assert error <= limit * (1 + 1e-12)
    assert cost <= min(one[0] for one in fitting) * (1 + 1e-12)


@given(PARTS)
def test_more_room_never_costs_more(figures: list[list[tuple[float, float]]]) -> None:
    given_parts = parts(figures)
    least = sum(min(option.error for option in options) for options in given_parts.values())
    costs = [totals(list(cheapest(given_parts, limit).values()))[0] for limit in (least + 1, least + 50, least + 1e4)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(sum(min(option.cost for option in options) for options in given_parts.values()))


def test_two_hundred_layers_are_no_matter() -> None:
    draw = random.Random(0)
    layers = {
        f"layer {number}": [
            Option(name="float", cost=draw.uniform(1, 100), error=0),
            Option(name="int8", cost=draw.uniform(1, 50), error=10 ** draw.uniform(-6, -2)),
        ]
        for number in range(200)
    }
    found = cheapest(layers, 1e-3)
    assert totals(list(found.values()))[1] <= 1e-3
    greedy_cost, room = sum(options[0].cost for options in layers.values()), 1e-3
    for plain, small in sorted(layers.values(), key=lambda two: (two[1].cost - two[0].cost) / two[1].error):
        if small.cost < plain.cost and small.error <= room:
            greedy_cost, room = greedy_cost + small.cost - plain.cost, room - small.error
    assert totals(list(found.values()))[0] <= greedy_cost + 1e-9


def test_a_part_without_options_is_refused() -> None:
    with pytest.raises(RefusedInput, match="least errors"):
        cheapest({"layer": []}, 1.0)
