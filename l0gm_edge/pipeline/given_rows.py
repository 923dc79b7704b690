"""Rows for a model of which only the inputs are known: random ones, or those of a calibration file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.errors import DataError

Rows = dict[str, NDArray[Any]]
MOST_BYTES = 4 * 2**30
IDS_BELOW = 2
"""Random ids are 0 or 1 where no table says how many there are: both stand in every vocabulary and every mask."""
KINDS = ("float32", "int64")


def drawn(inputs: Sequence[TensorSpec], below: Mapping[str, int], count: int, seed: int = 0) -> Rows:
    """Random rows, (count, *shape) by input: floats from the normal distribution, ids below the size of their table."""
    draw = np.random.default_rng(seed)
    rows: Rows = {}
    for spec in inputs:
        shape = (count, *spec.shape[1:])
        if spec.dtype == "int64":
            rows[spec.name] = draw.integers(0, below.get(spec.name, IDS_BELOW), shape, np.int64)
        else:
            rows[spec.name] = draw.standard_normal(shape, np.float32)
    return rows


def read(path: Path, inputs: Sequence[TensorSpec] = (), below: Mapping[str, int] | None = None) -> Rows:
    """The rows of an .npz file, (n, *shape) by input name, as float32 and int64.

    Raises DataError for a file that is damaged, pickled or absurdly large; for values that are not finite; and, where
    the model's `inputs` are given, for other names or shapes than theirs and ids that their tables lack.
    """
    rows = {name: _known_kind(name, values, path) for name, values in _arrays(path).items()}
    if inputs:
        _require_fit(rows, inputs, path)
    counts = {name: len(values) for name, values in rows.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise _refused(path, f"it holds {counts} rows", "as many of each input, 1 or more")
    for name, values in rows.items():
        most = (below or {}).get(name)
        if most is not None and (values.min() < 0 or values.max() >= most):
            raise _refused(path, f"ids of '{name}' go from {values.min()} to {values.max()}", f"0 to {most - 1}")
    return rows


def _arrays(path: Path) -> Rows:
    if not path.is_file():
        raise DataError("there is no such calibration file", where=str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > MOST_BYTES:
                raise _refused(path, "it is absurdly large when unpacked", f"at most {MOST_BYTES // 2**30} GiB")
            return {info.filename.removesuffix(".npy"): _array(archive.read(info), path) for info in infos}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise _refused(path, f"it is damaged or no .npz file ({error})", "what numpy.savez writes") from error


def _array(content: bytes, path: Path) -> NDArray[Any]:
    """An array whose header asks for no more memory than the file holds."""
    buffer = io.BytesIO(content)
    version = np.lib.format.read_magic(buffer)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(buffer)
    if dtype.hasobject or int(np.prod([int(size) for size in shape], dtype=object)) * dtype.itemsize > len(content):
        raise _refused(path, f"an array of shape {shape} and type {dtype} is not in it", "plain arrays of numbers")
    buffer.seek(0)
    return np.asarray(np.lib.format.read_array(buffer, allow_pickle=False))


def _known_kind(name: str, values: NDArray[Any], path: Path) -> NDArray[Any]:
    if values.ndim == 0 or values.dtype.kind not in "fiu":
        raise _refused(path, f"'{name}' is {values.dtype} of shape {values.shape}", "float32 or int64, a row a sample")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise _refused(path, f"'{name}' holds values that are not finite", "finite values")
    return np.ascontiguousarray(values, np.float32 if values.dtype.kind == "f" else np.int64)


def _require_fit(rows: Rows, inputs: Sequence[TensorSpec], path: Path) -> None:
    wanted = {spec.name: (spec.shape[1:], spec.dtype) for spec in inputs}
    found = {name: (values.shape[1:], str(values.dtype)) for name, values in rows.items()}
    if found != wanted:
        raise _refused(path, f"it does not fit the model: found {_told(found)}", _told(wanted))


def _told(arrays: Mapping[str, tuple[tuple[int, ...], str]]) -> str:
    return ", ".join(f"{name} (n, {', '.join(map(str, shape))}) {kind}" for name, (shape, kind) in arrays.items())


def _refused(path: Path, why: str, allowed: str) -> DataError:
    return DataError(f"calibration file: {why}", where=str(path), allowed=allowed)
