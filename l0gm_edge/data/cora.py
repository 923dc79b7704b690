"""Cora: what is a paper about, by its words and by what it cites? One modality, `graph`.

2 708 papers; 1 433 words, each there or not; an edge is a citation, taken without direction. Ten neighbours of a paper
stand in its row, each with the mean of up to 10 of its own (see `_graph`).

Train (20 papers a topic), validation and test are the public split of Planetoid; calibration is a fixed, stratified
part of the papers that it leaves unused. Every split sees the whole graph, but only its own labels. With 140 papers to
learn from, seeds differ by points: compare means.

Source: Sen et al. 2008; Yang et al. 2016, arXiv:1603.08861; github.com/kimiyoung/planetoid, MIT.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l0gm_edge.core.dataset import Dataset
from l0gm_edge.data import Original, _node_file, _planetoid
from l0gm_edge.data._graph import FanOut
from l0gm_edge.data._prepared import PreparedFile, write_arrays
from l0gm_edge.data._splits import stratified

SUMMARY = "papers in a graph of citations; 7 classes, 2 708 nodes, 140 of them to learn from"
COMMIT = "af6abf468a772cc055bec88c52e4d6f51b7c37e3"
SOURCE = f"https://raw.githubusercontent.com/kimiyoung/planetoid/{COMMIT}/data"
# `prepare` checks what they hold.
ORIGINALS = tuple(
    Original(url=f"{SOURCE}/ind.cora.{part}", file=f"ind.cora.{part}", sha256=None) for part in _planetoid.PARTS
)
GRAPH = PreparedFile(
    dataset="cora",
    file="cora.npz",
    sha256="06b0ee40f0430576337a54bf2e21dc2b5e0c802e6004210060899b137abfe5d3",
)
PREPARED = (GRAPH.file,)

CLASSES = tuple(f"topic {number}" for number in range(7))
FAN_OUT = FanOut(neighbours=10, means=10, seed=2008)
SEED = 2016
CALIBRATION_ROWS = 500


def prepare(originals: Path, prepared: Path) -> None:
    """Turn the original files into one .npz; they are read as data, and nothing in them is run.

    Raises DataError when they are not Planetoid's, IntegrityError when their content is another.
    """
    write_arrays(GRAPH, prepared, _planetoid.arrays(originals, "cora"))


def load(folder: Path) -> Dataset:
    """Modality `graph` (11, 2867), see `_graph`.

    Raises DataError when the file is missing, IntegrityError when it is damaged.
    """
    held, nodes = _node_file.read(GRAPH, folder)
    unused = nodes[_node_file.UNUSED]
    (calibration,) = stratified(held["labels"][unused].astype(np.int64), [CALIBRATION_ROWS], SEED)
    parts = {
        "train": nodes[_node_file.TRAIN],
        "validation": nodes[_node_file.VALIDATION],
        "calibration": unused[calibration],
        "test": nodes[_node_file.TEST],
    }
    return _node_file.dataset(held, "cora", CLASSES, parts, FAN_OUT)
