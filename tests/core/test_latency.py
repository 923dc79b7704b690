"""Latency statistics against scipy, against simulated truth, and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from l0gm_edge.core import latency
from l0gm_edge.core.measurement import Block

LATENCIES = st.lists(st.integers(1, 10**9), min_size=64, max_size=300)


def make_blocks(base_ns: float, *, seed: int, processes: int = 3, rounds: int = 20, runs: int = 10) -> list[Block]:
    """Noisy blocks whose process offsets and round drifts are shared by every call with these sizes."""
    shared = np.random.default_rng(99)
    own = np.random.default_rng(seed)
    blocks = []
    for process in range(processes):
        offset = shared.normal(1, 0.05)
        for index in range(rounds):
            drift = offset * shared.normal(1, 0.2) ** 2
            noise = own.lognormal(0, 0.02, runs)
            blocks.append(
                Block(process=process, round=index, latencies_ns=tuple(int(base_ns * drift * x) + 1 for x in noise))
            )
    return blocks


@pytest.mark.parametrize(("q", "needed"), [(90, 64), (95, 130), (99, 662)])
def test_samples_needed_are_those_of_mlperf_early_stopping(q: float, needed: int) -> None:
    assert latency.samples_needed(q) == needed
    # Independent form of the rule: at least two of n runs beyond the percentile, with 99 % confidence.
    assert stats.binom.cdf(1, needed, 1 - q / 100) <= 0.01 < stats.binom.cdf(1, needed - 1, 1 - q / 100)


@pytest.mark.parametrize("q", [90, 95, 99])
def test_a_sample_too_small_is_refused(q: float) -> None:
    needed = latency.samples_needed(q)
    assert latency.percentile(range(1, needed), q) is None
    assert latency.percentile(range(1, needed + 1), q) is not None


@pytest.mark.parametrize("q", [0.9, 0, 100, -5])
def test_a_percentile_not_in_percent_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="in percent"):
        latency.percentile([1] * 100, q)


@given(LATENCIES, st.sampled_from([50.0, 90.0]))
def test_percentile_is_an_observed_run_inside_its_interval(latencies: list[int], q: float) -> None:
    found = latency.percentile(latencies, q)
    assert found is not None
    assert found.value in latencies
    assert found.low <= found.value <= found.high
    assert sum(one <= found.value for one in latencies) >= q / 100 * len(latencies) - 1e-9
    assert sum(one < found.value for one in latencies) <= q / 100 * len(latencies)


@given(LATENCIES, st.integers(2, 50))
def test_percentile_follows_the_unit(latencies: list[int], scale: int) -> None:
    one, scaled = latency.percentile(latencies, 90), latency.percentile([scale * x for x in latencies], 90)
    assert one is not None
    assert scaled is not None
    assert (scaled.value, scaled.low, scaled.high) == (scale * one.value, scale * one.low, scale * one.high)


@pytest.mark.parametrize(("n", "q"), [(64, 50), (200, 90), (700, 99)])
def test_interval_holds_the_binomial_ranks_of_scipy(n: int, q: float) -> None:
    found = latency.percentile(range(1, n + 1), q)  # the k-th smallest run is k
    low, high = stats.binom.ppf(0.025, n, q / 100), stats.binom.ppf(0.975, n, q / 100) + 1
    assert found == latency.Estimate(np.ceil(n * q / 100), low, min(high, n))


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    truth = stats.expon.ppf(0.9) * 1e6
    intervals = [latency.percentile((draw.exponential(1e6, 200) + 1).astype(int).tolist(), 90) for _ in range(400)]
    covered = sum(one is not None and one.low <= truth <= one.high for one in intervals)
    assert covered >= stats.binom.ppf(0.001, 400, 0.95)


def test_block_percentile_is_wider_when_processes_differ() -> None:
    alike = [Block(process=p, round=r, latencies_ns=(100 + r, 110 + r)) for p in range(3) for r in range(20)]
    apart = [
        Block(process=b.process, round=b.round, latencies_ns=tuple(x + 40 * b.process for x in b.latencies_ns))
        for b in alike
    ]
    narrow, wide = latency.block_percentile(alike, 50), latency.block_percentile(apart, 50)
    assert narrow is not None
    assert wide is not None
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_block_percentile_agrees_with_percentile_and_refuses_alike() -> None:
    blocks = make_blocks(1e6, seed=1)
    flat = [ns for block in blocks for ns in block.latencies_ns]
    of_blocks, of_runs = latency.block_percentile(blocks, 90), latency.percentile(flat, 90)
    assert of_blocks is not None
    assert of_runs is not None
    assert of_blocks.value == of_runs.value
    assert of_blocks.low <= of_blocks.value <= of_blocks.high
    assert latency.block_percentile(blocks, 99) is None


@pytest.mark.parametrize("truth", [0.5, 1.0, 1.05, 3.0])
def test_ratio_recovers_a_known_ratio_through_shared_noise(truth: float) -> None:
    found = latency.ratio(make_blocks(1e6 * truth, seed=1), make_blocks(1e6, seed=2))
    assert found is not None
    assert found.value == pytest.approx(truth, rel=0.01)
    assert found.low <= truth <= found.high
    assert found.high - found.low < 0.03 * truth


def test_ratio_interval_covers_the_truth() -> None:
    covered = 0
    for trial in range(60):
        found = latency.ratio(make_blocks(1e6, seed=2 * trial + 1000), make_blocks(1e6, seed=2 * trial + 1001))
        assert found is not None
        covered += found.low <= 1 <= found.high
    assert covered >= stats.binom.ppf(0.001, 60, 0.95)


@settings(max_examples=15)
@given(st.integers(1, 4), st.integers(3, 12), st.integers(0, 10**6))
def test_ratio_of_a_model_to_itself_is_one_and_order_does_not_matter(processes: int, rounds: int, seed: int) -> None:
    blocks = make_blocks(1e5, seed=seed, processes=processes, rounds=rounds)
    found = latency.ratio(blocks, list(reversed(blocks)))
    if processes * rounds < latency.MIN_PAIRS:
        assert found is None
    else:
        assert found == latency.Estimate(1.0, 1.0, 1.0)


def test_ratio_pairs_by_process_and_round_only() -> None:
    blocks = make_blocks(1e6, seed=1)
    elsewhere = [Block(process=b.process + 10, round=b.round, latencies_ns=b.latencies_ns) for b in blocks]
    assert latency.ratio(blocks, elsewhere) is None
    assert latency.ratio(blocks, elsewhere + blocks[:12]) == latency.Estimate(1.0, 1.0, 1.0)


def test_intervals_are_the_same_every_time() -> None:
    one, two = make_blocks(1e6, seed=1), make_blocks(1e6, seed=2)
    assert latency.ratio(one, two) == latency.ratio(one, two)
    assert latency.block_percentile(one, 90) == latency.block_percentile(one, 90)


@settings(max_examples=60)
@given(st.integers(11, 20_000), st.sampled_from([50.0, 90.0, 95.0, 99.0]))
def test_early_stopping_discards_as_many_runs_as_the_binomial_allows(runs: int, q: float) -> None:
    found = latency.early_stopping(range(1, runs + 1), q)
    if runs < latency.samples_needed(q):
        assert found is None
        return
    assert found is not None
    allowed = runs + 1 - int(found)  # runs at or above it
    assert stats.binom.cdf(allowed, runs, 1 - q / 100) <= 0.01 + 1e-9
    assert stats.binom.cdf(allowed + 1, runs, 1 - q / 100) > 0.01 - 1e-9


def test_early_stopping_is_right_about_a_known_percentile_99_times_in_100() -> None:
    draw, true_p90 = np.random.default_rng(5), np.log(10) * 1e6
    found = [latency.early_stopping(draw.exponential(1e6, 300).astype(int) + 1, 90) for _ in range(2000)]
    assert np.mean([one is not None and one >= true_p90 for one in found]) >= 0.985
