"""Named arrays on disk: .npz without pickles, written atomically, the same bytes for the same arrays."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core import store


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays by name as the bytes of an .npz, whose members numpy stores uncompressed and with a fixed date."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def sha256(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Digest of named arrays: that of the file `write` makes of them."""
    return hashlib.sha256(packed(arrays)).hexdigest()


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name."""
    store.write_bytes(path, packed(arrays))


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Read arrays by name."""
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
