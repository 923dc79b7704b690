"""What holds for every way to find ranges, and how runs are read."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from calibrators import FLOATS, RUNS, observed
from hypothesis import given

from l0gm_edge import ranges
from l0gm_edge.core import plugins
from l0gm_edge.core.errors import DataError, RecipeError
from l0gm_edge.core.recipe import Quantize

WAYS = plugins.names("l0gm_edge.ranges")


def test_those_that_users_know_are_there() -> None:
    assert WAYS == ("entropy", "min_max", "moving_average", "mse", "percentile")


@pytest.mark.parametrize("way", WAYS)
def test_defines_what_the_protocol_asks(way: str) -> None:
    wanted = list(inspect.signature(ranges.CalibratorPlugin.create).parameters)[1:]
    assert list(inspect.signature(ranges.plugin(way).create).parameters) == wanted


@pytest.mark.parametrize("way", WAYS)
@given(RUNS)
def test_a_range_lies_within_what_was_seen_and_zero(way: str, values: np.ndarray) -> None:
    low, high = observed(values, Quantize(ranges=way))
    assert min(0, values.min()) <= low <= high <= max(0, values.max())


@pytest.mark.parametrize("way", sorted({*WAYS} - {"moving_average"}))
@given(RUNS)
def test_the_order_of_runs_does_not_matter(way: str, values: np.ndarray) -> None:
    settings = Quantize(ranges=way, percentile=90)
    assert observed(values, settings) == observed(values[::-1], settings)


@pytest.mark.parametrize("way", WAYS)
@given(FLOATS)
def test_a_constant_is_kept(way: str, value: float) -> None:
    low, high = observed(np.full((3, 5), value, np.float32), Quantize(ranges=way))
    assert value in (low, high)


@pytest.mark.parametrize("way", sorted({*WAYS} - {"min_max"}))
def test_one_outlier_in_thousands_is_clipped_by_all_but_min_max(way: str) -> None:
    values = np.random.default_rng(0).normal(size=(100, 2000)).astype(np.float32)
    values[50, 7] = 40
    assert observed(values, Quantize(ranges=way))[1] < 35
    assert observed(values, Quantize(ranges="min_max"))[1] == 40


def test_no_run_is_an_empty_calibration_set() -> None:
    with pytest.raises(DataError, match="empty"):
        ranges.observe((), 0, Quantize())


def test_an_empty_tensor_has_no_range() -> None:
    runs = [{"x": np.ones(3, np.float32), "nothing": np.empty((0, 4), np.float32)}]
    assert ranges.observe(runs, 1, Quantize()).keys() == {"x"}


def test_a_mask_has_no_range_whenever_it_shows() -> None:
    runs = [{"x": np.ones(3, np.float32), "mask": np.array([0, value], np.float32)} for value in (0, -np.inf, 0)]
    assert ranges.observe(runs, len(runs), Quantize()).keys() == {"x"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_named(way: str, bad: float) -> None:
    values = np.zeros((3, 500), np.float32)
    values[1, 70] = bad
    with pytest.raises(DataError, match="tensor x"):
        observed(values, Quantize(ranges=way, percentile=90))


def test_an_unknown_way_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean 'percentile'"):
        observed(np.ones((1, 1), np.float32), Quantize(ranges="percentil"))
