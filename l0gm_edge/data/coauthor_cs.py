"""Coauthor CS: in which field of computer science does a person work, by keywords and co-authors? Modality `graph`.

18 333 authors; 6 805 keywords of their papers, of which we read, as the field does, which are there and not how often;
an edge says that two wrote a paper together. The many keywords make rows long: one neighbour stands in an author's row
beside the author, each with the mean over up to 10 of its own neighbours, as many as most have (see `_graph`): 2.0 GB.

Every split sees the whole graph: a training author's neighbours may be test authors, whose keywords it then reads, but
never their labels. There is no official split; 60 / 20 / 20 % of each class are train, validation and test, and
calibration is a part of train.

Source: Shchur et al. 2018, arXiv:1811.05868, from the Microsoft Academic Graph; github.com/CrawlScript/gnn_datasets,
GPL-3.0. It names no fields, so classes are numbers.
"""

from __future__ import annotations

from pathlib import Path

from l0gm_edge.core.dataset import Dataset
from l0gm_edge.data import _gnn_benchmark
from l0gm_edge.data._graph import FanOut
from l0gm_edge.data._prepared import PreparedFile, write_arrays

SUMMARY = "authors in a graph of who wrote with whom; 15 classes, 18 333 nodes"
ORIGINALS = (_gnn_benchmark.original("Coauthor", "coauthor-cs.zip"),)
GRAPH = PreparedFile(
    dataset="coauthor_cs",
    file="coauthor_cs.npz",
    sha256="05a0b8104cde03cdc909a93c130b822394dd83f0e75897da85a49d7eae37bf98",
)
PREPARED = (GRAPH.file,)

CLASSES = tuple(f"field {number}" for number in range(15))
FAN_OUT = FanOut(neighbours=1, means=10, seed=2018)


def prepare(originals: Path, prepared: Path) -> None:
    """Turn the original archive into one .npz.

    Raises DataError when it is not an archive of a graph, IntegrityError when its content is another.
    """
    write_arrays(GRAPH, prepared, _gnn_benchmark.arrays(originals / ORIGINALS[0].file))


def load(folder: Path) -> Dataset:
    """Modality `graph` (2, 13611), see `_graph`.

    Raises DataError when the file is missing, IntegrityError when it is damaged.
    """
    return _gnn_benchmark.load(GRAPH, folder, CLASSES, FAN_OUT)
