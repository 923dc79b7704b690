"""ogbn-products: what kind of product is it, by its description and by what is bought with it? One modality, `graph`.

2 449 029 products of a shop; 100 principal components of the words of their descriptions; an edge says that two were
bought together. Ten neighbours of a product stand in its row, each with the mean of up to 10 of its own (see `_graph`).

The official split is by sales rank: the best-selling 8 % train, the next 2 % validate, the rest are test, so test is
harder. Validation is the official one; calibration is a fixed, stratified part of train. Of the 2.2 million test nodes
a fixed, stratified sample of 50 000 is loaded, because a device is given every test row: a share of that sample lies
within 0.5 points of the whole's in 95 of 100 draws.

The prepared form is a file for each array, mapped and not read, so that loading takes 5 GB of memory and preparing 6.
Nobody publishes digests of this data: `prepare` holds it against the published counts, and writes the digests of what
it made beside it, which every load checks.

Source: Hu et al., Open Graph Benchmark, 2020, arXiv:2005.00687; from McAuley's Amazon data; Amazon licence.
"""

from __future__ import annotations

import errno
import gzip
import itertools
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core import store
from l0gm_edge.core.dataset import SPLITS, Dataset, Split
from l0gm_edge.core.errors import DataError, RefusedInput
from l0gm_edge.core.value import Value
from l0gm_edge.data import Original
from l0gm_edge.data._graph import FanOut, Graph, rows, undirected
from l0gm_edge.data._prepared import CHOOSE_FOLDER, PreparedFile, damaged, missing
from l0gm_edge.data._splits import stratified

SUMMARY = "products in a graph of what is bought together; 47 classes, 2.4 million nodes, 286 000 of them loaded"
ORIGINALS = (
    Original(
        url="https://snap.stanford.edu/ogb/data/nodeproppred/products.zip",
        file="products.zip",
        sha256=None,  # none is published; `prepare` checks what it holds
    ),
)
FILES = {name: f"ogbn_products_{name}.npy" for name in ("starts", "neighbours", "features", "labels", "split")}
RECORD = "ogbn_products.json"
PREPARED = (RECORD, *FILES.values())

MODALITY = "graph"
FAN_OUT = FanOut(neighbours=10, means=10, seed=2020)
SEED = 2020
CALIBRATION_ROWS = 500
TEST_ROWS = 50_000
PARTS = ("train", "valid", "test")
"""The official split by its files; `split` holds their places here."""
CHUNK = 100_000
"""Lines of a table that are turned into numbers at a time."""
UNREADABLE = (
    *(FileNotFoundError, EOFError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error),
    *(RuntimeError, KeyError, ValueError),
)
"""What reading a file that is something else may raise."""


class Counts(Value):
    """What the Open Graph Benchmark says of the data."""

    nodes: int = 2_449_029
    edges: int = 61_859_140
    features: int = 100
    classes: int = 47
    parts: tuple[int, int, int] = (196_615, 39_323, 2_213_091)

    @property
    def nbytes(self) -> int:
        """Size of the prepared arrays, at most."""
        return self.nodes * (8 + 4 * self.features + 2) + 2 * 4 * self.edges


class Record(Value):
    """The digests of the prepared arrays, by file, and the counts that they were held against."""

    counts: Counts
    sha256: Mapping[str, str]


def prepare(originals: Path, prepared: Path) -> None:
    """Turn the original archive into one .npy an array, and a record of their digests.

    Raises DataError when it is not that archive or has other counts.
    """
    convert(originals / ORIGINALS[0].file, prepared, Counts())


def convert(archive: Path, prepared: Path, counts: Counts) -> None:
    """What `prepare` does, for data of these counts."""
    with store.storage_errors(prepared, todo=CHOOSE_FOLDER):
        prepared.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(prepared).free < counts.nbytes:  # a full disk would end the process in mid-file
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with tempfile.TemporaryDirectory(prefix=".ogbn_products.", dir=prepared) as name:
            made = Path(name)
            try:
                with zipfile.ZipFile(archive) as packed:
                    _write_nodes(packed, made, counts)
                    _write_edges(packed, made, counts)
            except UNREADABLE as error:
                raise DataError(f"not the archive of ogbn-products: {error}", where=str(archive)) from error
            sha256 = {file: store.file_sha256(made / file) for file in FILES.values()}
            (prepared / RECORD).unlink(missing_ok=True)  # without it nothing is loaded
            for file in FILES.values():
                (made / file).replace(prepared / file)
            store.write_value(prepared / RECORD, Record(counts=counts, sha256=sha256))


def load(folder: Path) -> Dataset:
    """Modality `graph` (11, 201), see `_graph`; classes are numbers.

    Raises DataError when a file is missing, IntegrityError when one is not what was prepared.
    """
    counts = _verified(folder)
    held = {name: np.load(folder / file, mmap_mode="r", allow_pickle=False) for name, file in FILES.items()}
    graph = Graph(np.asarray(held["starts"]), held["neighbours"])
    labels, split = held["labels"].astype(np.int64), np.asarray(held["split"])
    train, validation, test = (np.flatnonzero(split == at) for at in range(len(PARTS)))
    some = min(CALIBRATION_ROWS, len(train) // 2)
    calibration, learning = stratified(labels[train], [some, len(train) - some], SEED)
    (tested,) = stratified(labels[test], [min(TEST_ROWS, len(test))], SEED)
    nodes = {
        "train": train[learning],
        "validation": validation,
        "calibration": train[calibration],
        "test": test[tested],
    }
    splits = {
        name: Split({MODALITY: rows(graph, held["features"], nodes[name], FAN_OUT)}, labels[nodes[name]])
        for name in SPLITS
    }
    shape = (1 + FAN_OUT.neighbours, 1 + 2 * counts.features)
    return Dataset(
        "ogbn_products", {MODALITY: shape}, tuple(map(str, range(counts.classes))), **splits, normalization={}
    )


def _verified(folder: Path) -> Counts:
    """The counts of the prepared files, which are all there and hold what was prepared."""
    whole = PreparedFile(dataset="ogbn_products", file=RECORD, sha256="")
    for file in PREPARED:
        if not (folder / file).is_file():
            raise missing(whole.model_copy(update={"file": file}), folder)
    try:
        record = store.read_value(Record, folder / RECORD)
        for file in FILES.values():
            store.require_digest(folder / file, record.sha256[file])
    except (RefusedInput, KeyError) as error:
        raise damaged(whole, folder, str(error)) from error
    return record.counts


def _write_nodes(packed: zipfile.ZipFile, made: Path, counts: Counts) -> None:
    shape = (counts.nodes, counts.features)
    features = np.lib.format.open_memmap(made / FILES["features"], mode="w+", dtype=np.float32, shape=shape)
    _fill(features, packed, "raw/node-feat.csv.gz")
    features.flush()
    labels = np.empty((counts.nodes, 1), np.uint8)
    _fill(labels, packed, "raw/node-label.csv.gz", below=counts.classes)
    split = np.full(counts.nodes, len(PARTS), np.uint8)
    for at, (part, size) in enumerate(zip(PARTS, counts.parts, strict=True)):
        nodes = np.empty((size, 1), np.uint32)
        _fill(nodes, packed, f"split/sales_ranking/{part}.csv.gz", below=counts.nodes)
        split[nodes] = at
    if np.bincount(split, minlength=len(PARTS)).tolist() != list(counts.parts):
        raise ValueError("a node stands twice in the split, or not at all")
    np.save(made / FILES["labels"], labels[:, 0], allow_pickle=False)
    np.save(made / FILES["split"], split, allow_pickle=False)


def _write_edges(packed: zipfile.ZipFile, made: Path, counts: Counts) -> None:
    edges = np.empty((counts.edges, 2), np.uint32)
    _fill(edges, packed, "raw/edge.csv.gz", below=counts.nodes)
    graph = undirected(edges.T, counts.nodes)
    np.save(made / FILES["starts"], graph.starts, allow_pickle=False)
    np.save(made / FILES["neighbours"], graph.neighbours, allow_pickle=False)


def _fill(table: NDArray[Any], packed: zipfile.ZipFile, entry: str, below: int | None = None) -> None:
    """Fill a table from a gzipped one without header, CHUNK lines at a time; `below` bounds whole numbers from 0."""
    with packed.open(f"products/{entry}") as inside, gzip.open(inside) as lines:
        for start in range(0, len(table), CHUNK):
            place = table[start : start + CHUNK]
            taken = list(itertools.islice(lines, len(place)))
            found = (
                np.loadtxt(taken, np.float32 if below is None else np.int64, delimiter=",", ndmin=2) if taken else None
            )
            if found is None or found.shape != place.shape:
                raise ValueError(f"{entry} has not {len(table)} lines of {table.shape[1]} numbers")
            if below is None and not np.isfinite(found).all():
                raise ValueError(f"{entry} holds what is no number")
            if below is not None and (found.min() < 0 or found.max() >= below):
                raise ValueError(f"{entry} holds {found.min()} to {found.max()}, not 0 to {below - 1}")
            place[:] = found
        if next(lines, None) is not None:
            raise ValueError(f"{entry} has more than {len(table)} lines")
