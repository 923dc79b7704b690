"""Statistics of latency samples: percentiles that refuse small samples, and ratios of interleaved blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.measurement import Block

CONFIDENCE = 0.95
EARLY_STOPPING_RISK = 0.01
MIN_PAIRS = 10
RESAMPLES = 1000

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@cache
def samples_needed(q: float) -> int:
    """How many valid runs the q-th percentile needs: 11 for p50, 64 for p90, 130 for p95, 662 for p99.

    The early-stopping rule of MLPerf Inference: enough runs that, with 99 % confidence, at least two lie beyond the
    percentile. Raises ValueError unless 0 < q < 100 is given in percent.
    """
    beyond = 1 - _fraction(q)
    n = 1
    while _binomial_cdf(1, n, beyond) > EARLY_STOPPING_RISK:
        n += 1
    return n


def percentile(latencies_ns: Sequence[int], q: float) -> Estimate | None:
    """The q-th percentile (q in percent) of independent runs, or None below `samples_needed(q)`.

    The value is the smallest observed latency with at least q % of the runs at or below it. The interval is made of
    order statistics and assumes no distribution; it does assume independent runs, so for blocks of several processes
    `block_percentile` is the honest one.
    """
    if len(latencies_ns) < samples_needed(q):
        return None
    ordered = np.sort(np.asarray(latencies_ns, dtype=np.float64))
    n, fraction, tail = len(ordered), _fraction(q), (1 - CONFIDENCE) / 2
    low = max(_binomial_quantile(tail, n, fraction), 1)
    high = min(_binomial_quantile(1 - tail, n, fraction) + 1, n)
    return Estimate(_quantile(ordered, fraction), float(ordered[low - 1]), float(ordered[high - 1]))


def early_stopping(latencies_ns: Sequence[int], q: float) -> float | None:
    """What the q-th percentile (q in percent) does not exceed, with 99 % confidence; None below `samples_needed(q)`.

    The estimate of MLPerf Inference's early stopping: the t-th largest of n runs, with the largest t such that at most
    t of n runs lie beyond the percentile with a probability of at most 1 %. It assumes that runs are independent.
    """
    n, beyond = len(latencies_ns), 1 - _fraction(q)
    if n < samples_needed(q):
        return None
    most = math.floor(n * beyond)  # of more than the mean it is likely
    k = np.arange(most)
    steps = np.log(n - k) - np.log(k + 1) + math.log(beyond / (1 - beyond))
    logs = n * math.log1p(-beyond) + np.concatenate([[0.0], np.cumsum(steps)])
    within = np.cumsum(np.exp(logs)) <= EARLY_STOPPING_RISK
    allowed = int(np.flatnonzero(within)[-1])
    return float(np.sort(np.asarray(latencies_ns, dtype=np.float64))[n - allowed])


def block_percentile(blocks: Sequence[Block], q: float, *, seed: int = 0) -> Estimate | None:
    """The q-th percentile (q in percent) of all runs, or None below `samples_needed(q)`.

    Runs of one block, and blocks of one process, resemble each other; the interval therefore resamples processes,
    then whole blocks within them.
    """
    if sum(len(block.latencies_ns) for block in blocks) < samples_needed(q):
        return None
    groups = _by_process([(block.process, np.asarray(block.latencies_ns, dtype=np.float64)) for block in blocks])
    fraction = _fraction(q)
    return _bootstrap(groups, lambda runs: _quantile(runs, fraction), seed)


def ratio(candidate: Sequence[Block], baseline: Sequence[Block], *, seed: int = 0) -> Estimate | None:
    """How many times the baseline's latency the candidate takes, or None below 10 pairs of blocks.

    Blocks with the same (process, round) were run side by side: the value is the median, over such pairs, of the
    ratio of the two block medians. What slows both at once cancels. The interval resamples processes, then rounds.
    """
    pairs = pair_ratios(candidate, baseline)
    if len(pairs) < MIN_PAIRS:
        return None
    ratios = [(process, np.array([value])) for process, value in pairs]
    return _bootstrap(_by_process(ratios), lambda values: float(np.median(values)), seed)


def pair_ratios(candidate: Sequence[Block], baseline: Sequence[Block]) -> list[tuple[int, float]]:
    """(process, ratio of the two block medians) of every pair of blocks that were run side by side."""
    ours = {(block.process, block.round): block for block in candidate}
    theirs = {(block.process, block.round): block for block in baseline}
    pairs = sorted(ours.keys() & theirs.keys())
    return [(pair[0], _median_ns(ours[pair]) / _median_ns(theirs[pair])) for pair in pairs]


def central(ratios: Sequence[Sequence[float]]) -> float:
    """One figure for ratios given process by process: the mean over processes of each one's median.

    Where a process happens to put a model's weights may make it slower for as long as it lives, so a median over all
    would jump from one kind of process to the other.
    """
    return float(np.mean([np.median(process) for process in ratios]))


def _by_process(samples: Sequence[tuple[int, Samples]]) -> list[list[Samples]]:
    processes = sorted({process for process, _ in samples})
    return [[values for process, values in samples if process == wanted] for wanted in processes]


def _bootstrap(groups: list[list[Samples]], statistic: Callable[[Samples], float], seed: int) -> Estimate:
    """Percentile bootstrap over two levels: groups, then members of each group drawn."""
    draw = np.random.default_rng(seed)
    found = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        chosen = [groups[k] for k in draw.integers(len(groups), size=len(groups))]
        found[index] = statistic(
            np.concatenate([group[k] for group in chosen for k in draw.integers(len(group), size=len(group))])
        )
    value = statistic(np.concatenate([member for group in groups for member in group]))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return Estimate(value, min(float(low), value), max(float(high), value))


def _median_ns(block: Block) -> float:
    return float(np.median(block.latencies_ns))


def _fraction(q: float) -> float:
    if not 1 <= q < 100:
        raise ValueError(f"a percentile is given in percent, from 1 to below 100; found {q}")
    return q / 100


def _quantile(values: Samples, fraction: float) -> float:
    return float(np.quantile(values, fraction, method="inverted_cdf"))


def _binomial_quantile(probability: float, n: int, p: float) -> int:
    """The smallest k with P(X <= k) >= probability, for X binomial(n, p)."""
    cumulative = np.cumsum([_binomial_pmf(k, n, p) for k in range(n + 1)])
    return int(np.searchsorted(cumulative, probability))


def _binomial_cdf(k: int, n: int, p: float) -> float:
    return sum(_binomial_pmf(i, n, p) for i in range(k + 1) if i <= n)


def _binomial_pmf(k: int, n: int, p: float) -> float:
    chosen = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(chosen + k * math.log(p) + (n - k) * math.log(1 - p))
