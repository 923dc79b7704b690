"""ogbn-products: the original archive on a small sample, prepared and loaded as the whole set would be."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.core.errors import DataError, IntegrityError, StorageFailed
from l0gm_edge.data import ogbn_products as products
from l0gm_edge.data._graph import rows, undirected

COUNTS = products.Counts(nodes=30, edges=80, features=4, classes=3, parts=(12, 6, 12))
DRAW = np.random.default_rng(0)
FEATURES = DRAW.normal(size=(30, 4)).astype(np.float32)
LABELS = DRAW.permutation(np.arange(30) % 3)
EDGES = DRAW.integers(0, 30, (80, 2))
ORDER = DRAW.permutation(30)
PARTS = {"train": ORDER[:12], "valid": ORDER[12:18], "test": ORDER[18:]}
Tables = dict[str, np.ndarray]


def tables() -> Tables:
    return {
        "raw/node-feat": FEATURES,
        "raw/node-label": LABELS[:, None],
        "raw/edge": EDGES,
        **{f"split/sales_ranking/{part}": nodes[:, None] for part, nodes in PARTS.items()},
    }


@pytest.fixture
def pack(tmp_path: Path, as_archive) -> Callable[[Tables], Path]:
    """The archive, with these tables."""

    def write(parts: Tables) -> Path:
        path = tmp_path / products.ORIGINALS[0].file
        entries = {"products/RELEASE_v1.txt": b"x"}
        for name, table in parts.items():
            lines = "".join(",".join(map(str, row)) + "\n" for row in table.tolist())
            entries[f"products/{name}.csv.gz"] = gzip.compress(lines.encode())
        path.write_bytes(as_archive(entries))
        return path

    return write


@pytest.fixture
def folder(tmp_path: Path, pack, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The prepared form of the sample, made seven lines at a time."""
    monkeypatch.setattr(products, "CHUNK", 7)
    products.convert(pack(tables()), tmp_path / "prepared", COUNTS)
    return tmp_path / "prepared"


def test_the_sample_is_prepared_and_loaded(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == set(products.PREPARED)
    loaded = products.load(folder)
    assert loaded.shapes == {"graph": (11, 9)}
    assert {name: len(getattr(loaded, name)) for name in SPLITS} == {
        "train": 6,
        "validation": 6,
        "calibration": 6,
        "test": 12,
    }
    graph = undirected(EDGES.T, 30)
    for name, part in (("validation", "valid"), ("test", "test")):
        split = getattr(loaded, name)
        nodes = np.sort(PARTS[part])
        expected = rows(graph, FEATURES, nodes, products.FAN_OUT)
        order, found = (np.lexsort(made[:, 0].T) for made in (expected, split.inputs["graph"]))
        assert np.array_equal(split.inputs["graph"][found], expected[order])
        assert np.array_equal(split.labels[found], LABELS[nodes][order])
    learnt = np.concatenate([loaded.train.inputs["graph"][:, 0, 1:5], loaded.calibration.inputs["graph"][:, 0, 1:5]])
    assert {row.tobytes() for row in learnt} == {FEATURES[node].tobytes() for node in PARTS["train"]}


@pytest.mark.parametrize("file", products.PREPARED)
def test_a_damaged_or_missing_file_is_told(folder: Path, file: str) -> None:
    content = bytearray((folder / file).read_bytes())
    content[-3] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(IntegrityError, match="fetch ogbn_products makes it anew"):
        products.load(folder)
    (folder / file).unlink()
    with pytest.raises(DataError, match=rf"needs {file}, which is not in the data folder"):
        products.load(folder)


def changed(name: str, table: np.ndarray) -> Tables:
    return tables() | {name: table}


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        (changed("raw/node-feat", FEATURES[:-1]), "raw/node-feat.csv.gz has not 30 lines of 4 numbers"),
        (changed("raw/node-feat", FEATURES[:, 1:]), "has not 30 lines of 4"),
        (changed("raw/node-feat", FEATURES * np.inf), "holds what is no number"),
        (changed("raw/edge", np.concatenate([EDGES, EDGES[:1]])), "more than 80 lines"),
        (changed("raw/edge", EDGES + 1), "holds .* not 0 to 29"),
        (changed("raw/edge", EDGES + 0.5), "could not convert"),
        (changed("raw/node-label", LABELS[:, None] - 1), "not 0 to 2"),
        (changed("split/sales_ranking/valid", PARTS["test"][:6, None]), "stands twice"),
        ({name: table for name, table in tables().items() if name != "raw/edge"}, "no item named"),
    ],
    ids=["fewer", "narrower", "infinite", "more", "no such node", "halves", "labels", "split", "missing"],
)
def test_other_content_is_refused_and_nothing_is_left(tmp_path: Path, pack, parts: Tables, error: str) -> None:
    path = pack(parts)
    with pytest.raises(DataError, match=error) as caught:
        products.convert(path, tmp_path / "prepared", COUNTS)
    assert caught.value.where == str(path)
    assert list((tmp_path / "prepared").iterdir()) == []


def test_the_public_counts_are_asked_for(tmp_path: Path, pack) -> None:
    pack(tables())
    with pytest.raises(DataError, match="has not 2449029 lines of 100 numbers"):
        products.prepare(tmp_path, tmp_path / "prepared")


def test_a_full_disk_is_told_before_it_is_full(tmp_path: Path, pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=COUNTS.nbytes - 1))
    with pytest.raises(StorageFailed, match="No space left"):
        products.convert(pack(tables()), tmp_path / "prepared", COUNTS)


def test_the_size_is_foreseen(folder: Path) -> None:
    assert sum((folder / file).stat().st_size for file in products.FILES.values()) <= COUNTS.nbytes + 5 * 128
