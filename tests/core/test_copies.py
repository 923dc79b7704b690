"""Ratios of models that were loaded several times into every process."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sessions import session, side

from l0gm_edge.core.copies import LEAST_PROCESSES, copies_median_ms, copies_ratio
from l0gm_edge.core.measurement import Block


@settings(max_examples=20)
@given(st.floats(0.5, 2.0), st.integers(0, 1000))
def test_what_is_found_is_near_the_truth_and_within_its_interval(ratio: float, seed: int) -> None:
    made = session(seed, ratio=ratio)
    found = copies_ratio(made.candidate.copies, made.baseline.copies)
    assert found is not None
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(ratio, rel=0.03)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_the_other_way_round_is_the_inverse(seed: int) -> None:
    made = session(seed, ratio=1.3)
    there = copies_ratio(made.candidate.copies, made.baseline.copies)
    back = copies_ratio(made.baseline.copies, made.candidate.copies)
    assert there is not None
    assert back is not None
    assert there.value * back.value == pytest.approx(1.0)


def test_what_slows_both_sides_of_a_round_cancels() -> None:
    made = session(3, ratio=1.1)

    def stormy(copies: tuple[tuple[Block, ...], ...]) -> list[list[Block]]:
        storm = {turn: 1 + turn % 5 for turn in range(16)}
        return [
            [
                one.model_copy(update={"latencies_ns": tuple(ns * storm[one.round] for ns in one.latencies_ns)})
                for one in blocks
            ]
            for blocks in copies
        ]

    calm = copies_ratio(made.candidate.copies, made.baseline.copies)
    in_storm = copies_ratio(stormy(made.candidate.copies), stormy(made.baseline.copies))
    assert calm is not None
    assert in_storm is not None
    for name in ("value", "low", "high"):
        assert getattr(in_storm, name) == pytest.approx(getattr(calm, name))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        found = copies_ratio(side(1.0, draw, placement=0.02).copies, side(1.0, draw, placement=0.02).copies, seed=seed)
        assert found is not None
        hits += found.low <= 1 <= found.high
    assert 0.8 <= hits / 60 < 1  # a percentile bootstrap over ten processes is a little narrow


def test_too_few_processes_say_nothing() -> None:
    draw = np.random.default_rng(0)
    few = side(1.0, draw, processes=LEAST_PROCESSES - 1).copies
    assert copies_ratio(few, few) is None
    assert copies_ratio([], []) is None


def test_the_median_of_all_runs() -> None:
    blocks = [
        Block(process=0, round=0, latencies_ns=(1_000_000, 3_000_000)),
        Block(process=0, round=1, latencies_ns=(2_000_000,)),
    ]
    assert copies_median_ms([blocks]) == 2.0
    assert copies_median_ms([]) is None
