"""Planetoid's graphs as they are published: Python 2 pickles, read as data.

A pickle is a program that may call whatever it names. Here it can name nothing but the stand-ins below, which keep what
they are given and do nothing, so whatever the file holds, no code of it or of another library is run.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.errors import DataError
from l0gm_edge.data import _node_file
from l0gm_edge.data._node_file import TEST, TRAIN, UNUSED, VALIDATION, Sparse
from l0gm_edge.data._prepared import Arrays

PARTS = ("y", "tx", "ty", "allx", "ally", "graph", "test.index")
"""Files `ind.NAME.PART`; `y` is read for its length alone, for `allx` begins with what it labels."""
VALIDATION_ROWS = 500
UNREADABLE = (
    *(OSError, EOFError, pickle.UnpicklingError, ArithmeticError, AttributeError, LookupError, MemoryError),
    *(TypeError, ValueError),
)
"""What reading a file that is something else may raise."""
NUMBER = re.compile(r"[<|]?[biuf][1248]")


class _Held:
    """Keeps the state of whatever object stood in the file."""

    def __init__(self, *given: object) -> None:
        self.given = given
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Type(_Held):
    """A numpy.dtype: dtype('f4', 0, 1), then (version, byte order, ...)."""

    def numpy(self) -> np.dtype[Any]:
        name = f"{self.state[1]}{self.given[0]}" if self.state else ""
        if not NUMBER.fullmatch(name):
            raise ValueError(f"an array of type {name!r}")
        return np.dtype(name)


class _Array(_Held):
    """A numpy.ndarray: an empty one, then (version, shape, type, column order, bytes)."""

    def numpy(self) -> NDArray[Any]:
        _, shape, kind, by_columns, content = self.state
        raw = content.encode("latin1") if isinstance(content, str) else content
        return np.frombuffer(raw, kind.numpy()).reshape(shape, order="F" if by_columns else "C")


class _Matrix(_Held):
    """A scipy.sparse.csr_matrix: its attributes."""

    def sparse(self) -> Sparse:
        parts = {name: self.state[name].numpy() for name in ("indptr", "indices", "data")}
        rows, columns = self.state["_shape"] if "_shape" in self.state else self.state["shape"]
        return Sparse.compressed(parts, (rows, columns))


def _made(kind: type[_Held], *_: object) -> _Held:
    """`copy_reg._reconstructor(class, base, state)` and numpy's own `_reconstruct(class, shape, type)`."""
    return kind()


STAND_INS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _made,
    ("scipy.sparse.csr", "csr_matrix"): _Matrix,
    ("copy_reg", "_reconstructor"): _made,
    ("__builtin__", "object"): _Held,
    ("__builtin__", "list"): list,
    ("collections", "defaultdict"): lambda _: {},
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in STAND_INS:
            raise ValueError(f"it names {module}.{name}, which is no part of an array or a graph")
        return STAND_INS[module, name]


def arrays(folder: Path, name: str) -> Arrays:
    """The graph in the prepared form of `_node_file`, with the public split.

    The test nodes' rows come in the order of `test.index`, and go to where it says. Raises DataError for a file that is
    not one of Planetoid's.
    """
    read = {part: _read(folder / f"ind.{name}.{part}") for part in PARTS}
    try:
        train, known = len(read["y"].numpy()), read["allx"].sparse()
        tested, place = read["tx"].sparse(), np.array(read["test.index"], np.int64)
        labels = np.concatenate([read["ally"].numpy(), read["ty"].numpy()]).argmax(axis=1)
        nodes, words = known.shape[0] + tested.shape[0], known.shape[1]
        if sorted(place) != list(range(known.shape[0], nodes)) or len(labels) != nodes:
            raise ValueError(f"{len(labels)} labels and {len(place)} test nodes for {nodes} nodes")
        features = Sparse(
            np.concatenate([known.rows, place[tested.rows]]),
            np.concatenate([known.columns, tested.columns]),
            np.concatenate([known.values, tested.values]),
            (nodes, words),
        )
        sources = np.repeat([*read["graph"]], [len(ends) for ends in read["graph"].values()])
        targets = np.concatenate([*read["graph"].values()])
        links = Sparse(sources, targets, np.ones(len(targets)), (nodes, nodes))
        ordered = np.concatenate([labels[: known.shape[0]], np.empty(len(place), labels.dtype)])
        ordered[place] = labels[known.shape[0] :]
        split = np.full(nodes, UNUSED, np.uint8)
        split[:train], split[train : train + VALIDATION_ROWS], split[place] = TRAIN, VALIDATION, TEST
        return _node_file.arrays(links, features, ordered, split)
    except UNREADABLE as error:
        raise DataError(f"not a graph of Planetoid: {error!r}", where=str(folder / f"ind.{name}.*")) from error


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            if path.suffix == ".index":
                return [int(line) for line in file]
            return _Reader(file, encoding="latin1").load()
    except UNREADABLE as error:
        raise DataError(f"not a file of Planetoid: {error}", where=str(path)) from error
