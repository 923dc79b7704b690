"""Shifts move a picture without making anything up."""

from __future__ import annotations

import torch

from l0gm_edge.learn.augment import REACH, shifted


def brute_force(x: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """One sample (channels, height, width) read from `down` rows and `right` columns further on, edges repeated."""
    _, height, width = x.shape
    out = torch.empty_like(x)
    for row in range(height):
        for column in range(width):
            out[:, row, column] = x[:, min(max(row + down, 0), height - 1), min(max(column + right, 0), width - 1)]
    return out


def test_every_sample_is_one_of_the_shifts_and_not_all_alike() -> None:
    torch.manual_seed(0)
    x = torch.randn(40, 2, 6, 5)
    moved = shifted(x)
    reach = range(-REACH, REACH + 1)
    found = set()
    for before, after in zip(x, moved, strict=True):
        fits = [
            (down, right) for down in reach for right in reach if torch.equal(brute_force(before, down, right), after)
        ]
        assert len(fits) == 1
        found.update(fits)
    assert len(found) > 10


def test_rows_of_a_table_stay_as_they_are() -> None:
    x = torch.randn(4, 7)
    assert shifted(x) is x


def test_the_same_seed_gives_the_same_shifts() -> None:
    x = torch.randn(3, 1, 8, 8)
    torch.manual_seed(3)
    one = shifted(x)
    torch.manual_seed(3)
    assert torch.equal(one, shifted(x))
