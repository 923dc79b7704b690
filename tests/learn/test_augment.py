"""Augmentation changes each sample its own way, and makes nothing up."""

from __future__ import annotations

import pytest
import torch

from l0gm_edge.learn.augment import REACH, augmented, blanked, flipped, shifted


def brute_force(x: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """One sample (channels, height, width) read from `down` rows and `right` columns further on, edges repeated."""
    _, height, width = x.shape
    out = torch.empty_like(x)
    for row in range(height):
        for column in range(width):
            out[:, row, column] = x[:, min(max(row + down, 0), height - 1), min(max(column + right, 0), width - 1)]
    return out


@pytest.mark.parametrize("furthest", [1, REACH])
def test_every_sample_is_one_of_the_shifts_and_not_all_alike(furthest: int) -> None:
    x = torch.randn(80, 2, 6, 5)
    moved = shifted(x, furthest)
    reach = range(-furthest, furthest + 1)
    found = set()
    for before, after in zip(x, moved, strict=True):
        fits = [
            (down, right) for down in reach for right in reach if torch.equal(brute_force(before, down, right), after)
        ]
        assert len(fits) == 1
        found.update(fits)
    assert len(found) > len(reach)


@pytest.mark.parametrize("x", [torch.randn(4, 7), torch.arange(16).reshape(1, 1, 4, 4)], ids=["table", "whole numbers"])
def test_what_is_neither_map_nor_text_stays_as_it_is(x: torch.Tensor) -> None:
    assert augmented({"x": x}, 0.5)["x"] is x


def test_maps_are_shifted_and_words_left_out() -> None:
    batch = {"maps": torch.randn(50, 1, 4, 5), "text": torch.randint(2, 9, (50, 40))}
    for share in (0.15, 0.4):
        after = augmented(batch, share)
        assert not torch.equal(after["maps"], batch["maps"])
        changed = after["text"] != batch["text"]
        assert share - 0.05 < changed.float().mean() < share + 0.05
        assert (after["text"][changed] != 0).all()


def test_a_flipped_picture_is_itself_or_its_mirror_image() -> None:
    x = torch.randn(60, 3, 4, 5)
    mirrored = [
        next(flip for flip, wanted in enumerate((before, before.flip(-1))) if torch.equal(after, wanted))
        for before, after in zip(x, flipped(x), strict=True)
    ]
    assert 15 < sum(mirrored) < 45


def test_blanks_replace_a_share_of_the_words_and_never_padding() -> None:
    tokens = torch.randint(2, 50, (100, 40))
    tokens[:, 30:] = 0
    found = blanked(tokens, 0.25, blank=1)
    assert found.dtype == torch.int64
    assert torch.equal(found[:, 30:], tokens[:, 30:])
    changed = found != tokens
    assert (found[changed] == 1).all()
    assert 0.2 < changed[:, :30].float().mean() < 0.3


def test_the_same_seed_gives_the_same_shifts() -> None:
    x = torch.randn(3, 1, 8, 8)
    torch.manual_seed(3)
    one = shifted(x)
    torch.manual_seed(3)
    assert torch.equal(one, shifted(x))
