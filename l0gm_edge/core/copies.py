"""How many times as long one model takes as another, where each was loaded several times into every process.

Where a process happens to put a model's weights makes it faster or slower for as long as it lives, by more than what
a regression gate must see. So each side is loaded more than once, and processes, not runs, are what is averaged over.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from statistics import median

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.latency import CONFIDENCE, RESAMPLES, Estimate
from l0gm_edge.core.measurement import Block

Logs = NDArray[np.float64]
LEAST_PROCESSES = 4
"""Fewer processes tell nothing of how processes differ."""


def copies_ratio(
    candidate: Sequence[Sequence[Block]], baseline: Sequence[Sequence[Block]], *, seed: int = 0
) -> Estimate | None:
    """The candidate's latency in times of the baseline's, or None below 4 processes.

    Each side is a sequence of copies, each copy its blocks. Of every (process, round), the medians of its blocks are
    averaged over the copies, as logarithms; a process counts by the median over its rounds, and the figure is the mean
    over processes. The interval resamples processes, then rounds within them (hierarchical bootstrap).
    """
    processes = process_logs(candidate, baseline)
    if len(processes) < LEAST_PROCESSES:
        return None
    logs = [np.asarray(rounds) for rounds in processes.values()]
    value = float(np.mean([np.median(one) for one in logs]))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(_resampled(logs, seed), [tail, 1 - tail])
    return Estimate(*(float(np.exp(one)) for one in (value, min(low, value), max(high, value))))


def process_logs(
    candidate: Sequence[Sequence[Block]], baseline: Sequence[Sequence[Block]]
) -> dict[int, tuple[float, ...]]:
    """By process, the logarithm of the ratio of each of its rounds."""
    ours, theirs = _by_round(candidate), _by_round(baseline)
    processes: dict[int, list[float]] = {}
    for process, round_ in sorted(ours.keys() & theirs.keys()):
        processes.setdefault(process, []).append(ours[process, round_] - theirs[process, round_])
    return {process: tuple(rounds) for process, rounds in processes.items()}


def _by_round(copies: Sequence[Sequence[Block]]) -> dict[tuple[int, int], float]:
    """The mean over copies of the logarithm of the block's median; of rounds that every copy has."""
    found = [{(one.process, one.round): log(median(one.latencies_ns)) for one in blocks} for blocks in copies]
    shared = set.intersection(*(set(one) for one in found)) if found else set()
    return {key: float(np.mean([one[key] for one in found])) for key in shared}


def _resampled(logs: Sequence[Logs], seed: int) -> Logs:
    """The figure of many redrawn samples."""
    draw = np.random.default_rng(seed)
    medians = np.stack([np.median(one[draw.integers(len(one), size=(RESAMPLES, len(one)))], axis=1) for one in logs], 1)
    # A process drawn twice in one sample has the same rounds in it: between processes is where the doubt lies.
    chosen = draw.integers(len(logs), size=(RESAMPLES, len(logs)))
    means: Logs = np.take_along_axis(medians, chosen, axis=1).mean(axis=1)
    return means


def copies_median_ms(copies: Sequence[Sequence[Block]]) -> float | None:
    """The median of all runs of all copies, in milliseconds; None without any."""
    runs = [ns for blocks in copies for block in blocks for ns in block.latencies_ns]
    return float(np.median(runs)) / 1e6 if runs else None
