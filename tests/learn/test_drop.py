"""Modalities left out of training rows: as often as asked, never all of a row's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from l0gm_edge.learn.drop import dropped


def batch(rows: int, modalities: int) -> dict[str, Tensor]:
    """Numbers and token ids, none of them zero."""
    made: dict[str, Tensor] = {f"numbers {at}": torch.full((rows, 2, 3), at + 1.0) for at in range(modalities - 1)}
    return {**made, "words": torch.full((rows, 4), 7)}


@given(st.integers(1, 5), st.floats(0.01, 0.99), st.integers(0, 2**31))
def test_a_modality_is_there_whole_or_not_at_all_and_one_always_is(modalities: int, share: float, seed: int) -> None:
    torch.manual_seed(seed)
    rows = batch(9, modalities)
    found = dropped(rows, share)
    there = torch.stack([found[name].flatten(1).any(1) for name in rows])
    for name, present in zip(rows, there, strict=True):
        assert torch.equal(found[name][present], rows[name][present])
        assert found[name].dtype == rows[name].dtype
    assert there.any(0).all()


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_as_many_are_lost_as_asked_for_less_what_keeps_one(share: float) -> None:
    torch.manual_seed(0)
    found = dropped(batch(20_000, 3), share)
    for values in found.values():
        lost = 1 - values.flatten(1).any(1).float().mean().item()
        assert lost == pytest.approx(share - share**3 / 3, abs=0.01)
