"""Where answers part between torch and the device."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.check.way import links, parted
from l0gm_edge.core.truth import Place

REFERENCE = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
PLACES = list(Place)


def noisy(amount: float) -> np.ndarray:
    """Torch's answers with a difference of that size, of the largest."""
    off = np.zeros_like(REFERENCE)
    off[0, 0] = amount * np.abs(REFERENCE).max()
    return REFERENCE + off


@given(place=st.sampled_from(PLACES), there=st.sets(st.sampled_from(PLACES)), scheme=st.sampled_from(["fp32", "fp16"]))
def test_the_first_place_that_is_off_is_named(place: Place, there: set[Place], scheme: str) -> None:
    wrong = PLACES[PLACES.index(place) :]
    answers = {one: noisy(0.5 if one in wrong else 0) for one in PLACES if one in there}
    expected = next((one for one in wrong if one in there), None)
    assert parted(scheme, REFERENCE, answers, lost=True) == expected
    assert [one.place for one in links(REFERENCE, answers, {})] == [one for one in PLACES if one in there]


@pytest.mark.parametrize("lost", [False, True])
def test_a_file_of_integers_is_blamed_only_where_parity_is_lost(lost: bool) -> None:
    other = {Place.FILE: -REFERENCE, Place.DEVICE: -REFERENCE}
    assert parted("static_int8", REFERENCE, other, lost) == (Place.FILE if lost else None)
    assert parted("fp32", REFERENCE, other, lost=False) is Place.FILE


def test_two_runtimes_may_round_integers_apart_but_not_compute_apart() -> None:
    steps = {Place.FILE: REFERENCE, Place.HOST: noisy(0.01), Place.DEVICE: noisy(0.02)}
    assert parted("static_int8", REFERENCE, steps, lost=True) is None
    assert parted("fp32", REFERENCE, steps, lost=True) is Place.HOST
    assert parted("static_int8", REFERENCE, steps | {Place.DEVICE: noisy(0.2)}, lost=False) is Place.DEVICE


def test_what_is_not_there_says_why_and_what_is_not_finite_has_no_figure() -> None:
    broken = np.full_like(REFERENCE, np.nan)
    host, device = links(REFERENCE, {Place.DEVICE: broken}, {Place.HOST: "no such operator"})
    assert (host.place, host.difference, host.unavailable) == (Place.HOST, None, "no such operator")
    assert (device.place, device.difference, device.agreement) == (Place.DEVICE, None, 0)
    assert parted("static_int8", REFERENCE, {Place.DEVICE: broken}, lost=True) is Place.DEVICE
