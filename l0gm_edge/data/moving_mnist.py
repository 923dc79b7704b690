"""Short films of a digit that moves: which digit, and in which direction? One modality, `video`.

Each film shows one MNIST digit at half its size on a field of 24 x 24 pixels, six frames long; it starts anywhere,
moves right, left, down or up by 1 to 3 pixels a frame, and comes back in where it went out. The 40 classes are digit x
direction: one frame tells the digit and never the direction, so a model must look at frames in their order. A tenth
of all pixels of each frame, other ones each time, are black.

Made from MNIST with fixed random numbers: train, validation and calibration from its train part, with digits of their
own, test from its test part. In the manner of Srivastava et al. 2015, arXiv:1502.04681, not their files.
Source: MNIST by LeCun, Cortes and Burges.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import SPLITS, Array, Dataset, Split
from l0gm_edge.data import Original
from l0gm_edge.data import _mnist as mnist
from l0gm_edge.data._prepared import read_arrays, write_arrays

SUMMARY = "six-frame films of a moving digit; 10 digits x 4 directions, 11 500 films made from MNIST"
ORIGINALS: tuple[Original, ...] = mnist.ORIGINALS
MNIST = mnist.prepared("moving_mnist")
PREPARED = (MNIST.file,)

SEED = 1502
SIZES = {"train": 8_000, "validation": 1_000, "calibration": 500, "test": 2_000}
FRAMES = 6
SIDE = 24
FASTEST = 3
"""Pixels a frame."""
DIRECTIONS = {"right": (0, 1), "left": (0, -1), "down": (1, 0), "up": (-1, 0)}
"""Rows and columns that a digit goes on, for each pixel of speed."""
CLASSES = tuple(f"{digit} {direction}" for digit in range(10) for direction in DIRECTIONS)
DARK = 0.1
"""Share of pixels that are black in a frame."""


class Motion(NamedTuple):
    """How the digit of each film moves, (n,) each: row and column of its first place, its direction, its speed."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    direction: NDArray[np.int64]
    speed: NDArray[np.int64]


def prepare(originals: Path, prepared: Path) -> None:
    """Turn MNIST's idx files into mnist.npz.

    Raises DataError when an original cannot be read, IntegrityError when its content is another.
    """
    write_arrays(MNIST, prepared, mnist.arrays(originals))


def load(folder: Path) -> Dataset:
    """Modality `video` (6, 1, 24, 24), frames in order, brightness from 0 to 1; classes are CLASSES.

    Raises DataError when the file is missing, IntegrityError when it is damaged.
    """
    written = read_arrays(MNIST, folder)
    chosen = mnist.pools(written, SIZES, SEED)
    splits = {}
    for at, name in enumerate(SPLITS):
        images, digits = (written[f"{kind}_{mnist.part(name)}"][chosen[name]] for kind in "xy")
        motion = motions(len(digits), SEED + at)
        films = dimmed(film(mnist.half_size(images), motion), SEED + len(SPLITS) + at)
        splits[name] = Split({"video": films}, digits.astype(np.int64) * len(DIRECTIONS) + motion.direction)
    return Dataset("moving_mnist", {"video": (FRAMES, 1, SIDE, SIDE)}, CLASSES, **splits, normalization={})


def motions(count: int, seed: int) -> Motion:
    """How the digits of `count` films move."""
    drawn = np.random.PCG64(seed).random_raw(4 * count).reshape(4, count) >> np.uint64(32)
    row, column, direction, speed = (
        (line % np.uint64(kinds)).astype(np.int64) for line, kinds in zip(drawn, (SIDE, SIDE, 4, FASTEST), strict=True)
    )
    return Motion(row, column, direction, speed + 1)


def film(digits: Array, motion: Motion) -> Array:
    """Films (n, FRAMES, 1, SIDE, SIDE) of digits (n, 14, 14) that move."""
    field = np.zeros((len(digits), SIDE, SIDE), np.float32)
    field[:, : digits.shape[1], : digits.shape[2]] = digits
    steps = np.array([*DIRECTIONS.values()])[motion.direction] * motion.speed[:, None]
    time, pixel = np.arange(FRAMES), np.arange(SIDE)
    row = (pixel - motion.row[:, None, None] - time[:, None] * steps[:, 0, None, None]) % SIDE
    column = (pixel - motion.column[:, None, None] - time[:, None] * steps[:, 1, None, None]) % SIDE
    which = np.arange(len(digits))[:, None, None, None]
    return np.asarray(field[which, row[..., None], column[:, :, None]][:, :, None])


def dimmed(films: Array, seed: int) -> Array:
    """The films with a share DARK of their pixels black, drawn anew for each frame."""
    bits = np.random.PCG64(seed).random_raw(films.size // 4).view(np.uint16)
    return films * (bits >= DARK * 2**16).reshape(films.shape)
