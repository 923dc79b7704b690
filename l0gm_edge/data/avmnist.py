"""AV-MNIST, paired by ourselves: a written digit and a spoken one of the same class, both degraded.

Images are MNIST's. Sounds are those of the Free Spoken Digit Dataset (FSDD): five speakers for train, validation and
calibration, each from takes (repetitions) of its own, and the sixth, yweweler, for test only. So validation holds new
images and new recordings of known voices, test a new voice: expect test to be harder. Every split has images of its
own; the pairs are made once, with a fixed seed and explicit row numbers (`pair`).

Degradations, so that neither modality alone suffices:

- image: rebuilt from its first IMAGE_COMPONENTS principal components, fitted on the training images, without adding
  the mean back. (The usual recipe keeps 196 of 784; that removes little of the variance and hardly hurts.)
- audio: brought to one loudness, cut or padded to 0.652 s, white noise added at SNR_DB, new noise for each pair; then a
  32 x 32 log-mel spectrogram, standardised with one mean and one deviation of the training split.

Small CNNs, five epochs, test accuracy: image 84 %, audio 76 %, both by late fusion 95.5 % (validation 82, 95 and 98 %).

Sources: MNIST by LeCun, Cortes and Burges. FSDD: github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0.
Noise, spectrogram and pairing follow the idea of MultiBench's AV-MNIST, not its files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import SPLITS, Array, Dataset, Labels, Normalization, Split
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original
from l0gm_edge.data import _audio as audio
from l0gm_edge.data import _fsdd as fsdd
from l0gm_edge.data import _mnist as mnist
from l0gm_edge.data._image import principal, rebuild
from l0gm_edge.data._prepared import Arrays, PreparedFile, read_arrays, write_arrays
from l0gm_edge.data._splits import Rows, shuffled

SUMMARY = "written and spoken digits, both degraded; 10 classes, 17 512 pairs; one speaker kept for test"
ORIGINALS: tuple[Original, ...] = (*mnist.ORIGINALS, fsdd.ORIGINAL)
MNIST = mnist.prepared("avmnist")
FSDD = PreparedFile(
    dataset="avmnist",
    file="fsdd.npz",
    sha256="281d496ff2ef49e6b78a666061881c17304004e914014249ff4f447fd7f2f761",
)
PREPARED = (MNIST.file, FSDD.file)

SEED = 20240607
SIZES = {"train": 12_000, "validation": 2_000, "calibration": 512, "test": 3_000}
TEST_SPEAKER = "yweweler"
TAKES = {"train": range(38), "calibration": range(38, 40), "validation": range(40, 50), "test": range(50)}
IMAGE_COMPONENTS = 6
SNR_DB = 5.0
CHUNK = 500
"""Pairs turned into spectrograms at a time, which bounds the memory used."""


@dataclass(frozen=True)
class Pairs:
    """Rows of one split: image numbers within MNIST's train or test part, clip numbers within FSDD, their digit."""

    images: Rows
    clips: Rows
    digits: Labels


def prepare(originals: Path, prepared: Path) -> None:
    """Turn MNIST's idx files and FSDD's archive into mnist.npz and fsdd.npz.

    Raises DataError when an original cannot be read, IntegrityError when its content is another.
    """
    write_arrays(MNIST, prepared, mnist.arrays(originals))
    write_arrays(FSDD, prepared, fsdd.arrays(originals / fsdd.ORIGINAL.file))


def load(folder: Path) -> Dataset:
    """Modalities `image` (1, 28, 28) and `audio` (1, 32, 32); see the module for what was done to them.

    Raises DataError when a file is missing, IntegrityError when it is damaged.
    """
    return with_test_speaker(TEST_SPEAKER, folder)


def with_test_speaker(speaker: str, folder: Path) -> Dataset:
    """The same with another speaker for test, and TEST_SPEAKER in no split: to choose settings for a new voice by."""
    written, spoken = read_arrays(MNIST, folder), read_arrays(FSDD, folder)
    pairs = pair(written["y_train"], written["y_test"], spoken, speaker)
    images = {name: written[f"x_{mnist.part(name)}"][pairs[name].images] for name in SPLITS}
    sounds = {name: _spectrograms(spoken, pairs[name].clips, seed=SEED + at) for at, name in enumerate(SPLITS)}
    components = principal(images["train"], IMAGE_COMPONENTS)
    centre, spread = sounds["train"].mean(dtype=np.float64), sounds["train"].std(dtype=np.float64)
    splits = {
        name: Split(
            {
                "image": rebuild(images[name], components),
                "audio": ((sounds[name] - centre) / spread).astype(np.float32),
            },
            pairs[name].digits,
        )
        for name in SPLITS
    }
    shapes = {"image": (1, 28, 28), "audio": (1, audio.BANDS, audio.FRAMES)}
    made = {"audio": Normalization(mean=(float(centre),), std=(float(spread),))}
    return Dataset("avmnist", shapes, tuple("0123456789"), **splits, normalization=made)


def pair(
    train_digits: NDArray[Any], test_digits: NDArray[Any], spoken: Arrays, speaker: str = TEST_SPEAKER
) -> Mapping[str, Pairs]:
    """The rows of every split, given the labels of MNIST's two parts and FSDD's `digit, speaker, take, speaker_names`.

    The images of a digit take its clips in turn, in shuffled order, so each clip serves equally often. Raises DataError
    for a speaker that is not heard in FSDD.
    """
    if speaker not in spoken["speaker_names"]:
        allowed = ", ".join(map(str, spoken["speaker_names"]))
        raise DataError(f"no recordings are by the speaker '{speaker}'", where=FSDD.file, allowed=allowed)
    images = mnist.pools({"y_train": train_digits, "y_test": test_digits}, SIZES, SEED)
    names = spoken["speaker_names"][spoken["speaker"]]
    held_out, known = names == speaker, ~np.isin(names, (speaker, TEST_SPEAKER))
    pairs = {}
    for at, name in enumerate(SPLITS):
        digits = (test_digits if name == "test" else train_digits)[images[name]].astype(np.int64)
        usable = np.isin(spoken["take"], TAKES[name]) & (held_out if name == "test" else known)
        pairs[name] = Pairs(images[name], _take_turns(digits, spoken["digit"], usable, SEED + at), digits)
    return pairs


def _take_turns(digits: Labels, spoken_digits: NDArray[Any], usable: NDArray[np.bool_], seed: int) -> Rows:
    order = shuffled(len(spoken_digits), seed)
    clips = np.empty(len(digits), np.int64)
    for digit in np.unique(digits):
        rows = np.flatnonzero(digits == digit)
        pool = order[usable[order] & (spoken_digits[order] == digit)]
        clips[rows] = pool[np.arange(len(rows)) % len(pool)]
    return clips


def _spectrograms(spoken: Arrays, clips: Rows, seed: int) -> Array:
    starts, pcm = spoken["offsets"].astype(np.int64), spoken["pcm"]
    chunks = [clips[at : at + CHUNK] for at in range(0, len(clips), CHUNK)]
    noise = audio.white_noise([len(chunk) for chunk in chunks], SNR_DB, seed)
    return np.concatenate(
        [
            audio.log_mel(np.stack([audio.fixed_length(pcm[starts[i] : starts[i + 1]]) for i in chunk]) + white)
            for chunk, white in zip(chunks, noise, strict=True)
        ]
    )
