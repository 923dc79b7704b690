"""Graphs of Shchur et al. 2018 (arXiv:1811.05868) as they are published: an .npz of two sparse matrices, in a zip."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original, _node_file
from l0gm_edge.data._graph import FanOut
from l0gm_edge.data._node_file import Sparse
from l0gm_edge.data._prepared import Arrays, PreparedFile
from l0gm_edge.data._splits import stratified

COMMIT = "482d7152d60e429763ca256dd0906fa9badaae0c"
SOURCE = f"https://raw.githubusercontent.com/CrawlScript/gnn_datasets/{COMMIT}"
ENTRY = re.compile(r"(?!__MACOSX/).+\.npz")
LARGEST_NPZ_BYTES = 1 << 28
CALIBRATION_ROWS = 500
SEED = 2018


def original(folder: str, file: str) -> Original:
    """One of the archives. Its content is checked by `prepare`."""
    return Original(url=f"{SOURCE}/{folder}/{file}", file=file, sha256=None)


def arrays(archive: Path) -> Arrays:
    """The graph in the prepared form of `_node_file`, edges without direction, with the split of `cut`.

    Only arrays of numbers are read, and in memory. Raises DataError for a file that is no such archive.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            entries = [
                one
                for one in packed.infolist()
                if one.filename.endswith(".npz") and not one.filename.startswith("__MACOSX")
            ]
            if len(entries) != 1 or entries[0].file_size > LARGEST_NPZ_BYTES:
                raise ValueError(f"it holds {len(entries)} .npz files of a fitting size, not one")
            content = io.BytesIO(packed.read(entries[0]))
        with np.load(content, allow_pickle=False) as held:
            links, features = _matrix(held, "adj"), _matrix(held, "attr")
            labels = held["labels"].astype(np.int64)
            if links.shape != (len(labels), len(labels)) or features.shape[0] != len(labels):
                raise ValueError(f"{len(labels)} labels for {links.shape} links and {features.shape} features")
            return _node_file.arrays(links, features, labels, cut(labels))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, KeyError, IndexError) as error:
        raise DataError(f"not an archive of one graph: {error}", where=str(archive)) from error


def cut(labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    """60 % of each class for training, 20 % for validation, 20 % for test; there is no official split."""
    drawn = np.random.default_rng(0)
    marks = np.full(len(labels), _node_file.TEST, np.uint8)
    for label in np.unique(labels):
        own = drawn.permutation(np.flatnonzero(labels == label))
        marks[own[: round(0.8 * len(own))]] = _node_file.VALIDATION
        marks[own[: round(0.6 * len(own))]] = _node_file.TRAIN
    return marks


def load(prepared: PreparedFile, folder: Path, classes: tuple[str, ...], fan_out: FanOut) -> Dataset:
    """The data set; calibration is a fixed, stratified part of the training nodes. Raises as `read_arrays` does."""
    held, nodes = _node_file.read(prepared, folder)
    known = nodes[_node_file.TRAIN]
    labels = held["labels"][known].astype(np.int64)
    calibration, train = stratified(labels, [CALIBRATION_ROWS, len(known) - CALIBRATION_ROWS], SEED)
    parts = {
        "train": known[train],
        "validation": nodes[_node_file.VALIDATION],
        "calibration": known[calibration],
        "test": nodes[_node_file.TEST],
    }
    return _node_file.dataset(held, prepared.dataset, classes, parts, fan_out)


def _matrix(held: Any, name: str) -> Sparse:
    rows, columns = (int(side) for side in held[f"{name}_shape"])
    return Sparse.compressed({part: held[f"{name}_{part}"] for part in ("indptr", "indices", "data")}, (rows, columns))
