"""Films of moving digits: how they move, and the whole set where MNIST is prepared."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from l0gm_edge.data import moving_mnist
from l0gm_edge.data._mnist import half_size

DIGITS = np.random.default_rng(0).random((40, 14, 14)).astype(np.float32)


def test_a_digit_goes_on_in_its_direction_and_comes_back_in() -> None:
    motion = moving_mnist.motions(len(DIGITS), 1)
    films = moving_mnist.film(DIGITS, motion)
    assert films.shape == (40, 6, 1, 24, 24)
    assert set(motion.direction) == {0, 1, 2, 3}
    assert set(motion.speed) == {1, 2, 3}
    for at, film in enumerate(films[:, :, 0]):
        start = np.zeros((24, 24), np.float32)
        start[:14, :14] = DIGITS[at]
        assert np.array_equal(film[0], np.roll(start, (motion.row[at], motion.column[at]), (0, 1)))
        axis, sign = {0: (1, 1), 1: (1, -1), 2: (0, 1), 3: (0, -1)}[motion.direction[at]]
        for before, after in pairwise(film):
            assert np.array_equal(after, np.roll(before, sign * motion.speed[at], axis))


def test_a_tenth_of_each_frame_is_dark_and_the_rest_as_it_was() -> None:
    films = np.ones((20, 6, 1, 24, 24), np.float32)
    dark = moving_mnist.dimmed(films, 3)
    assert set(np.unique(dark)) == {0, 1}
    assert dark.mean() == pytest.approx(0.9, abs=0.01)
    assert not np.array_equal(dark[0, 0], dark[0, 1])


def test_half_the_size_keeps_the_brightness() -> None:
    images = np.random.default_rng(1).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    np.testing.assert_allclose(half_size(images).mean((1, 2)), images.mean((1, 2)) / 255, rtol=1e-5)
    assert half_size(images)[0, 2, 5] == pytest.approx(images[0, 4:6, 10:12].mean() / 255)


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    loaded = moving_mnist.load(prepared_folder("moving_mnist"))
    for name, size in moving_mnist.SIZES.items():
        split = getattr(loaded, name)
        counts = np.bincount(split.labels, minlength=40)
        assert counts.sum() == size
        assert counts.min() > size / 40 / 3
        values = split.inputs["video"]
        assert values.min() == 0
        assert values.max() <= 1
    assert loaded.sha256 == "e34ad6e6a97a3174286de2264fb2bffaf02cd6e8cb75b1b657007bbb7a745020"
