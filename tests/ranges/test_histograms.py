"""Entropy and MSE: the histogram under them, and what they choose, against independent references."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from calibrators import FLOATS, RUNS, observed
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnxruntime.quantization.calibrate import HistogramCollector
from scipy import stats

from l0gm_edge.core.recipe import Quantize
from l0gm_edge.ranges import entropy
from l0gm_edge.ranges._histogram import BINS, Histogram

DRAW = np.random.default_rng(0)
SHAPES = {
    "normal": DRAW.normal(size=(20, 5000)),
    "laplace": DRAW.laplace(size=(20, 5000)),
    "student": DRAW.standard_t(3, size=(20, 5000)),
    "relu": np.maximum(DRAW.normal(size=(20, 5000)), 0),
    "shifted": DRAW.normal(size=(20, 5000)) + 6,
}
COUNTS = hnp.arrays(np.int64, st.integers(2, 60), elements=st.integers(0, 1000)).filter(lambda counts: counts.any())


def filled(values: np.ndarray) -> Histogram:
    histogram = Histogram()
    for row in values:
        histogram.add(row)
    return histogram


def rms_lost(values: np.ndarray, low: float, high: float) -> float:
    """The root mean square that uint8 loses, in the words of ONNX: QuantizeLinear, then DequantizeLinear."""
    scale = (high - low) / 255 or 1.0
    zero = np.round(-low / scale)
    level = np.clip(np.round(values.astype(np.float64) / scale) + zero, 0, 255)
    return float(np.sqrt(np.mean(np.square(values - (level - zero) * scale))))


@given(RUNS)
def test_a_histogram_agrees_with_numpy(values: np.ndarray) -> None:
    histogram = filled(values)
    counts, edges = histogram.bins()
    # numpy closes the last bin at both ends, ours are all open above: a bin more, and the two agree
    expected, _ = np.histogram(values.astype(np.float64), np.append(edges, np.inf))
    np.testing.assert_array_equal(counts, expected[:-1])
    assert counts.sum() == values.size
    assert counts.size <= BINS
    assert histogram.width <= max(4 * np.ptp(np.append(values, 0)) / BINS, 2.0**-149), "no coarser than it must be"


@given(RUNS)
def test_mse_loses_no_more_than_the_whole_range(values: np.ndarray) -> None:
    low, high = observed(values, Quantize(ranges="mse"))
    least, most = min(0.0, float(values.min())), max(0.0, float(values.max()))
    # A value is at most half a bin from its bin's middle, and loses at most that much more or less than it.
    slack = filled(values).width + 1e-6 * (most - least)
    assert rms_lost(values, low, high) <= rms_lost(values, least, most) + slack


@pytest.mark.parametrize("shape", SHAPES)
def test_mse_is_near_the_best_of_a_fine_search(shape: str) -> None:
    values = SHAPES[shape].astype(np.float32)
    found = rms_lost(values, *observed(values, Quantize(ranges="mse")))
    lows = np.linspace(0.1, 1, 30) * min(values.min(), 0) if values.min() < 0 else [0.0]
    best = min(rms_lost(values, low, high) for low in lows for high in np.linspace(0.1, 1, 30) * values.max())
    assert found <= 1.05 * best


@given(COUNTS)
def test_no_divergence_where_every_bin_has_a_level(counts: np.ndarray) -> None:
    assert entropy.divergence(counts, 0, counts.size, counts.size) == pytest.approx(0, abs=1e-12)


@given(COUNTS, st.integers(1, 12), st.data())
def test_divergence_agrees_with_scipy(counts: np.ndarray, levels: int, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, counts.size - 1))
    end = data.draw(st.integers(begin + 1, counts.size))
    inside = counts[begin:end]
    truth = inside.astype(float)
    truth[0] += counts[:begin].sum()
    truth[-1] += counts[end:].sum()
    merged = np.zeros(inside.size)
    number = min(levels, inside.size)
    for level in range(number):
        bins = [at for at in range(inside.size) if at * number // inside.size == level and truth[at] > 0]
        mass = sum(inside[at] for at in bins)
        for at in bins:
            merged[at] = mass / len(bins)
    expected = stats.entropy(truth, merged) if inside.any() else np.inf
    assert entropy.divergence(counts, begin, end, levels) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("law", "limit"), [(stats.norm, 6), (stats.laplace, 16), (stats.t(3), 60), (stats.logistic, 14)]
)
def test_entropy_chooses_near_to_onnxruntime(law: Any, limit: float) -> None:
    """Among ranges symmetric about zero, on the same histogram. The divergence is flat around its least value, and
    onnxruntime rounds it, and merges what remains into the last level: hence only near."""
    bins, levels = 2047, 256
    edges = np.linspace(-limit, limit, bins + 1)
    counts = np.round(1e6 * np.diff(law.cdf(edges))).astype(np.int64)
    collector = HistogramCollector(
        "entropy", symmetric=False, num_bins=bins, num_quantized_bins=levels, percentile=99.9, scenario="same"
    )
    _, theirs = collector.get_entropy_threshold((counts, edges, -limit, limit, limit), levels)
    middle = bins // 2
    halves = range(levels // 2, middle + 1)
    ours = min(halves, key=lambda half: entropy.divergence(counts, middle - half, middle + half + 1, levels))
    assert edges[middle + ours + 1] == pytest.approx(theirs, rel=0.2)


@given(RUNS, st.integers(2, 100))
def test_merged_bins_hold_the_same(values: np.ndarray, most: int) -> None:
    counts, edges = filled(values).bins(most)
    assert counts.size <= most
    assert counts.sum() == values.size
    pairs = itertools.pairwise(edges)
    np.testing.assert_array_equal(counts, [((values >= begin) & (values < end)).sum() for begin, end in pairs])


def test_entropy_clips_nothing_where_there_are_few_values() -> None:
    values = np.random.default_rng(0).normal(size=(10, 100)).astype(np.float32)
    assert observed(values, Quantize(ranges="entropy")) == (values.min(), values.max())


def test_entropy_is_not_misled_by_the_zeros_of_a_relu() -> None:
    _, high = observed(SHAPES["relu"].astype(np.float32), Quantize(ranges="entropy"))
    assert high > 3


@given(FLOATS)
def test_a_histogram_of_one_value_has_it_in_one_bin(value: float) -> None:
    histogram = filled(np.full((2, 3), value, np.float32))
    counts, edges = histogram.bins()
    assert counts.max() == 6
    assert edges[counts.argmax()] <= value < edges[counts.argmax() + 1]
