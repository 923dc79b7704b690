"""Amazon Computers: what kind of product is it, by its reviews and by what is bought with it? One modality, `graph`.

13 752 products; 767 words of their reviews, each there or not; an edge says that two are often bought together. 281
products have no edge. Ten neighbours of a product stand in its row, each with the mean of up to 25 of its own (see
`_graph`): 0.9 GB in all.

Every split sees the whole graph: a training product's neighbours may be test products, whose words it then reads, but
never their labels. There is no official split; 60 / 20 / 20 % of each class are train, validation and test, and
calibration is a part of train.

Source: Shchur et al. 2018, arXiv:1811.05868, after McAuley et al. 2015; github.com/CrawlScript/gnn_datasets, GPL-3.0.
"""

from __future__ import annotations

from pathlib import Path

from l0gm_edge.core.dataset import Dataset
from l0gm_edge.data import _gnn_benchmark
from l0gm_edge.data._graph import FanOut
from l0gm_edge.data._prepared import PreparedFile, write_arrays

SUMMARY = "products in a graph of what is bought together; 10 classes, 13 752 nodes"
ORIGINALS = (_gnn_benchmark.original("AmazonElectronics", "amazon-computers.zip"),)
GRAPH = PreparedFile(
    dataset="amazon_computers",
    file="amazon_computers.npz",
    sha256="a58b585ce32d00619da33cf106e930a0650ed0bc39a2a49cb1a73d66f590b020",
)
PREPARED = (GRAPH.file,)

CLASSES = (
    *("Desktops", "Data Storage", "Laptops", "Monitors", "Computer Components"),
    *("Video Projectors", "Routers", "Tablets", "Networking Products", "Webcams"),
)
FAN_OUT = FanOut(neighbours=10, means=25, seed=2015)


def prepare(originals: Path, prepared: Path) -> None:
    """Turn the original archive into one .npz.

    Raises DataError when it is not an archive of a graph, IntegrityError when its content is another.
    """
    write_arrays(GRAPH, prepared, _gnn_benchmark.arrays(originals / ORIGINALS[0].file))


def load(folder: Path) -> Dataset:
    """Modality `graph` (11, 1535), see `_graph`.

    Raises DataError when the file is missing, IntegrityError when it is damaged.
    """
    return _gnn_benchmark.load(GRAPH, folder, CLASSES, FAN_OUT)
