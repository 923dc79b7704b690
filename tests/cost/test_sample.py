"""The cuts that are timed: allowed, different, reaching from dense to least, and always the same."""

from __future__ import annotations

import costs
import problems
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.cost.sample import sample


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(1, 4), st.integers(1, 40), st.integers(0, 2**31)
)
def test_settings_are_allowed_different_and_grow_from_the_front(
    widths: list[int], step: int, count: int, seed: int
) -> None:
    layout = problems.sites(*widths)
    allowed = {site.name: (*range(1, site.width, step), site.width) for site in layout.sites}
    cost = problems.chained(layout)
    found = sample(layout, allowed, cost, count, seed)
    kept = [tuple(int(one[layout.span(site)].sum()) for site in layout.sites) for one in found]
    assert len(set(kept)) == len(kept) <= count
    assert all(width in allowed[site.name] for one in kept for site, width in zip(layout.sites, one, strict=True))
    assert kept[0] == tuple(widths)
    assert len(kept) == 1 or kept[1] == (1,) * len(widths)
    again = sample(layout, allowed, cost, count + 7, seed)
    assert all(torch.equal(one, other) for one, other in zip(found, again, strict=False))


def test_costs_lie_all_the_way_between_least_and_dense() -> None:
    one = costs.subject()
    found = sample(one.layout, one.allowed, one.size.macs, 60)
    macs = sorted(float(one.size.macs(kept)) for kept in found)
    shares = [value / macs[-1] for value in macs]
    assert all(sum(low <= share <= low + 0.2 for share in shares) >= 3 for low in (0.1, 0.3, 0.5, 0.7))


def test_a_model_with_few_widths_gives_few() -> None:
    layout = problems.sites(4)
    assert len(sample(layout, {"s0": (2, 4)}, problems.chained(layout), 10)) == 2


def test_which_units_stay_is_left_to_chance() -> None:
    layout = problems.sites(64)
    (_, first, *_) = sample(layout, {"s0": (32, 64)}, problems.chained(layout), 2)
    assert 0 < int(first[:32].sum()) < 32
    assert int(first.sum()) == pytest.approx(32)
