"""Questions about a picture of four digits, answered with one word: modalities `image` and `question`.

The picture shows four MNIST digits at half their size, two by two. A question is one of

    which digit is top left?          (or top right, bottom left, bottom right)
    what is the largest digit?        what is the smallest digit?
    how many digits are seven?        is there a seven?
    is the top left digit larger than the bottom right digit?

as word ids, padded with 0; the answer is one of twelve words, `zero` to `nine`, `yes` and `no`. Half of the questions
that name a digit name one that is there. The question alone, answered in the most frequent way, is right in 39 % of
cases, and the picture alone tells nothing of what is asked.

Made from MNIST with fixed random numbers: train, validation and calibration from its train part, with digits of their
own, test from its test part. In the manner of CLEVR (Johnson et al. 2017, arXiv:1612.06890).
Source: MNIST by LeCun, Cortes and Burges.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import SPLITS, Array, Dataset, Labels, Split, Tokens
from l0gm_edge.data import Original
from l0gm_edge.data import _mnist as mnist
from l0gm_edge.data._prepared import read_arrays, write_arrays

SUMMARY = "questions as token ids about a picture of four digits; 12 answers, 26 000 rows made from MNIST"
ORIGINALS: tuple[Original, ...] = mnist.ORIGINALS
MNIST = mnist.prepared("digit_questions")
PREPARED = (MNIST.file,)

SEED = 1612
ROWS = {"train": 20_000, "validation": 2_500, "calibration": 500, "test": 3_000}
POOL = {"train": 45_000, "validation": 9_000, "calibration": 6_000, "test": 10_000}
"""MNIST digits from which the pictures of a split are put together."""
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CLASSES = (*NUMBERS, "yes", "no")
YES, NO = CLASSES.index("yes"), CLASSES.index("no")
PLACES = ("top left", "top right", "bottom left", "bottom right")
KINDS = (
    "which digit is {place}",
    "what is the largest digit",
    "what is the smallest digit",
    "how many digits are {number}",
    "is there a {number}",
    "is the {place} digit larger than the {other} digit",
)
WORDS = ("", *sorted({word for kind in (*KINDS, *PLACES, *NUMBERS) for word in kind.split() if "{" not in word}))
"""Words by id; 0 pads."""
LENGTH = 11


def prepare(originals: Path, prepared: Path) -> None:
    """Turn MNIST's idx files into mnist.npz.

    Raises DataError when an original cannot be read, IntegrityError when its content is another.
    """
    write_arrays(MNIST, prepared, mnist.arrays(originals))


def load(folder: Path) -> Dataset:
    """Modalities `image` (1, 28, 28), brightness from 0 to 1, and `question` int64 (LENGTH,); classes are CLASSES.

    Raises DataError when the file is missing, IntegrityError when it is damaged.
    """
    written = read_arrays(MNIST, folder)
    chosen = mnist.pools(written, POOL, SEED)
    splits = {}
    for at, name in enumerate(SPLITS):
        images, digits = (written[f"{kind}_{mnist.part(name)}"][chosen[name]] for kind in "xy")
        draws = np.random.PCG64(SEED + at).random_raw(10 * ROWS[name]).reshape(ROWS[name], 10) >> np.uint64(32)
        shown = (draws[:, :4] % np.uint64(len(digits))).astype(np.int64)
        question, answer = ask(digits[shown].astype(np.int64), draws[:, 4:].astype(np.int64))
        splits[name] = Split({"image": picture(mnist.half_size(images)[shown]), "question": question}, answer)
    return Dataset(
        "digit_questions", {"image": (1, 28, 28), "question": (LENGTH,)}, CLASSES, **splits, normalization={}
    )


def picture(digits: Array) -> Array:
    """Four digits (n, 4, h, w), in order of PLACES, as one picture (n, 1, 2 h, 2 w)."""
    count, _, height, width = digits.shape
    grid = digits.reshape(count, 2, 2, height, width).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(grid.reshape(count, 1, 2 * height, 2 * width))


def ask(digits: Labels, draws: NDArray[np.int64]) -> tuple[Tokens, Labels]:
    """A question (n, LENGTH) about each row of digits (n, 4), and its answer (n,), by random whole numbers (n, 6)."""
    row = np.arange(len(digits))
    kind = draws[:, 0] % len(KINDS)
    place = draws[:, 1] % len(PLACES)
    other = (place + 1 + draws[:, 2] % (len(PLACES) - 1)) % len(PLACES)
    numbers = (draws[:, 5, None] + np.arange(len(NUMBERS))) % len(NUMBERS)  # all ten, from a random one on
    absent = numbers[row, (digits[:, :, None] == numbers[:, None]).any(axis=1).argmin(axis=1)]
    named = np.where(draws[:, 3] % 2 == 0, digits[row, draws[:, 4] % len(PLACES)], absent)
    count = (digits == named[:, None]).sum(axis=1)
    answers = (
        digits[row, place],
        digits.max(axis=1),
        digits.min(axis=1),
        count,
        np.where(count > 0, YES, NO),
        np.where(digits[row, place] > digits[row, other], YES, NO),
    )
    return spelled()[kind, place, other, named], np.stack(answers, axis=1)[row, kind]


def spelled() -> Tokens:
    """Every question as word ids: by kind, place, other place and number (6, 4, 4, 10, LENGTH)."""
    table = np.zeros((len(KINDS), len(PLACES), len(PLACES), len(NUMBERS), LENGTH), np.int64)
    for kind, place, other, number in np.ndindex(table.shape[:-1]):
        text = KINDS[kind].format(place=PLACES[place], other=PLACES[other], number=NUMBERS[number])
        ids = [WORDS.index(word) for word in text.split()]
        table[kind, place, other, number, : len(ids)] = ids
    return table
