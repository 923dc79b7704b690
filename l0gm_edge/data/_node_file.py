"""The prepared form of a graph whose nodes are classified by bags of words: one .npz, and the data set made of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import SPLITS, Array, Dataset, Labels, Split
from l0gm_edge.data._graph import FanOut, rows, undirected
from l0gm_edge.data._prepared import Arrays, PreparedFile, read_arrays
from l0gm_edge.data._splits import Rows

MODALITY = "graph"
TRAIN, VALIDATION, TEST, UNUSED = range(4)
"""What `split` holds."""


class Sparse(NamedTuple):
    """A sparse matrix by its entries, in any order: the entry at (rows[i], columns[i]) is values[i]."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[Any]
    shape: tuple[int, int]

    @classmethod
    def compressed(cls, matrix: Mapping[str, NDArray[Any]], shape: tuple[int, int]) -> Sparse:
        """From the arrays `indptr`, `indices` and `data` of a matrix in compressed rows."""
        return cls(_owners(matrix["indptr"]), matrix["indices"].astype(np.int64), matrix["data"], shape)


def arrays(links: Sparse, features: Sparse, labels: NDArray[Any], split: NDArray[np.uint8]) -> Arrays:
    """The prepared form: `edges` (2, e) once each and sorted, features in compressed rows, `labels`, `split`.

    `feat_values` is left out where every value is 1.
    """
    nodes = features.shape[0]
    low, high = np.minimum(links.rows, links.columns), np.maximum(links.rows, links.columns)
    edges = np.stack(np.divmod(np.unique((low * nodes + high)[low != high]), nodes))
    kept = features.values != 0
    owners, columns, values = features.rows[kept], features.columns[kept], features.values[kept]
    order = np.lexsort((columns, owners))
    made = {
        "edges": edges.astype(np.uint16),
        "feat_indptr": np.searchsorted(owners[order], np.arange(nodes + 1)).astype(np.uint32),
        "feat_indices": columns[order].astype(np.uint16),
        "feat_shape": np.array(features.shape, np.int32),
        "labels": labels.astype(np.uint8),
        "split": split,
    }
    return made if (values == 1).all() else {**made, "feat_values": values[order].astype(np.uint8)}


def bags(held: Arrays) -> Array:
    """Which words a node has, 0 or 1, as float32 (n, F)."""
    nodes, words = held["feat_shape"].tolist()
    dense = np.zeros((nodes, words), np.float32)
    dense[_owners(held["feat_indptr"]), held["feat_indices"]] = 1
    return dense


def dataset(held: Arrays, name: str, classes: tuple[str, ...], parts: Mapping[str, Rows], fan_out: FanOut) -> Dataset:
    """Modality `graph` (1 + S, 1 + 2 F), see `_graph`, for the nodes of each split."""
    features = bags(held)
    graph = undirected(held["edges"], len(features))
    labels: Labels = held["labels"].astype(np.int64)
    splits = {
        part: Split({MODALITY: rows(graph, features, parts[part], fan_out)}, labels[parts[part]]) for part in SPLITS
    }
    return Dataset(name, {MODALITY: splits["train"].inputs[MODALITY].shape[1:]}, classes, **splits, normalization={})


def read(prepared: PreparedFile, folder: Path) -> tuple[Arrays, Mapping[int, Rows]]:
    """The prepared arrays, and the nodes of each mark of `split`, ascending. Raises as `read_arrays` does."""
    held = read_arrays(prepared, folder)
    return held, {mark: np.flatnonzero(held["split"] == mark) for mark in (TRAIN, VALIDATION, TEST, UNUSED)}


def _owners(starts: NDArray[Any]) -> NDArray[np.int64]:
    """The row of each entry of a matrix in compressed rows."""
    ends = starts.astype(np.int64)
    return np.repeat(np.arange(len(ends) - 1), ends[1:] - ends[:-1])
