"""The prepared form: files of the data folder, verified by the digest of what they hold.

Compressed bytes differ from one zlib to the next, so between our own preparation and anybody else's; the content does
not. A digest is checked before a file is used, and before one is written.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core import store
from l0gm_edge.core.errors import DataError, IntegrityError
from l0gm_edge.core.value import Value

Arrays = Mapping[str, NDArray[Any]]
PACKED = ".gz"
CHOOSE_FOLDER = "free some space, or choose another folder with --data-dir or L0GM_EDGE_DATA"


class PreparedFile(Value):
    """One prepared file: the data set that `l0gm-edge data fetch` makes it for, its name, its content's sha256."""

    dataset: str
    file: str
    sha256: str


def read_arrays(prepared: PreparedFile, folder: Path) -> Arrays:
    """The arrays of a prepared .npz, each unpacked once.

    Raises DataError when the file is missing, IntegrityError when it does not hold what it should.
    """
    content = io.BytesIO(_read(prepared, folder))
    try:
        with np.load(content, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, AttributeError, RuntimeError) as error:
        raise damaged(prepared, folder, f"cannot be unpacked: {error}") from error
    _require(prepared, folder, arrays_sha256(arrays))
    return arrays


def read_text(prepared: PreparedFile, folder: Path) -> str:
    """The UTF-8 text of a prepared file, unpacked where it is a .gz. Raises as `read_arrays` does."""
    content = _read(prepared, folder)
    try:
        content = gzip.decompress(content) if prepared.file.endswith(PACKED) else content
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise damaged(prepared, folder, f"cannot be unpacked: {error}") from error
    _require(prepared, folder, hashlib.sha256(content).hexdigest())
    return content.decode()


def write_arrays(prepared: PreparedFile, folder: Path, arrays: Arrays) -> None:
    """Write a prepared .npz, atomically. Raises IntegrityError, with nothing written, for other arrays."""
    _require(prepared, folder, arrays_sha256(arrays))
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    _write(prepared, folder, packed.getvalue())


def write_text(prepared: PreparedFile, folder: Path, text: str) -> None:
    """Write a prepared text, packed where it is a .gz, atomically.

    Raises IntegrityError, with nothing written, for another text.
    """
    _require(prepared, folder, hashlib.sha256(text.encode()).hexdigest())
    content = text.encode()
    _write(prepared, folder, gzip.compress(content, mtime=0) if prepared.file.endswith(PACKED) else content)


def arrays_sha256(arrays: Arrays) -> str:
    """Digest of named arrays: names, types, shapes and values, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _read(prepared: PreparedFile, folder: Path) -> bytes:
    path = folder / prepared.file
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(prepared, folder) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _write(prepared: PreparedFile, folder: Path, content: bytes) -> None:
    with store.storage_errors(folder, todo=CHOOSE_FOLDER):
        store.write_bytes(folder / prepared.file, content)


def _require(prepared: PreparedFile, folder: Path, found: str) -> None:
    if found != prepared.sha256:
        reason = f"its content has sha256 {found[:16]}…, not {prepared.sha256[:16]}…"
        raise damaged(prepared, folder, reason)


def missing(prepared: PreparedFile, folder: Path) -> DataError:
    """That a prepared file is not there, and what to do."""
    return DataError(
        f"the data set '{prepared.dataset}' needs {prepared.file}, which is not in the data folder",
        where=str(folder),
        todo=f"l0gm-edge data fetch {prepared.dataset}, or name the folder that has it: --data-dir, L0GM_EDGE_DATA",
    )


def damaged(prepared: PreparedFile, folder: Path, reason: str) -> IntegrityError:
    """That a prepared file does not hold what it should, and what to do."""
    return IntegrityError(
        f"{prepared.file} does not hold the data set '{prepared.dataset}': {reason}",
        where=str(folder / prepared.file),
        todo=f"l0gm-edge data fetch {prepared.dataset} makes it anew",
    )
