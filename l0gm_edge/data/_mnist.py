"""MNIST as it is published: four gzipped idx files, turned into named arrays."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original
from l0gm_edge.data._image import Bytes
from l0gm_edge.data._prepared import Arrays, PreparedFile
from l0gm_edge.data._splits import Rows, stratified

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist"
FILES = {
    "x_train": ("train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    "y_train": ("train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    "x_test": ("t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    "y_test": ("t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
}
ORIGINALS = tuple(Original(url=f"{MIRROR}/{file}", file=file, sha256=sha256) for file, sha256 in FILES.values())
UNSIGNED_BYTES = 8
"""The idx format's code for its type of value."""
LEARNING = ("train", "validation", "calibration")


def prepared(dataset: str) -> PreparedFile:
    """The prepared form, which several data sets share."""
    return PreparedFile(
        dataset=dataset,
        file="mnist.npz",
        sha256="8fc8fc4f0343f34ece1fcfdfb65f0801fac48030ce7c70e62bbb62f64ee2e65b",
    )


def pools(written: Arrays, sizes: Mapping[str, int], seed: int) -> Mapping[str, Rows]:
    """Images for each split, `sizes[split]` of them, stratified by digit: those of test from MNIST's test part."""
    train = stratified(written["y_train"], [sizes[name] for name in LEARNING], seed)
    return {**dict(zip(LEARNING, train, strict=True)), "test": stratified(written["y_test"], [sizes["test"]], seed)[0]}


def part(split: str) -> str:
    """Which of MNIST's two parts a split is taken from, as its arrays end."""
    return "test" if split == "test" else "train"


def half_size(images: Bytes) -> NDArray[np.float32]:
    """Images (n, 28, 28) at half the size, each pixel the mean of four: (n, 14, 14), from 0 to 1."""
    fours = images.reshape(len(images), 14, 2, 14, 2).sum(axis=(2, 4), dtype=np.uint16)
    return np.asarray(fours / np.float32(4 * 255), np.float32)


def arrays(folder: Path) -> Arrays:
    """`x_train` and `x_test` uint8 (n, h, w), `y_train` and `y_test` uint8 (n,), in the published order.

    Raises DataError for a file that is not gzipped idx.
    """
    return {name: _idx(folder / file) for name, (file, _) in FILES.items()}


def _idx(path: Path) -> NDArray[np.uint8]:
    """An idx file: two zero bytes, type, number of axes, each axis as a big-endian uint32, then the values."""
    try:
        content = gzip.decompress(path.read_bytes())
        zero, kind, axes = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{axes}I", content, 4)
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
        if (zero, kind) != (0, UNSIGNED_BYTES):
            raise ValueError(f"it starts with {content[:4].hex()}")
        return values.reshape(shape)
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        raise DataError(f"not a gzipped idx file of bytes: {error}", where=str(path)) from error
