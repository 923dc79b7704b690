"""MNIST as it is published: four gzipped idx files, turned into named arrays."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original
from l0gm_edge.data._prepared import Arrays

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
