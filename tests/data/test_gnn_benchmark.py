"""Amazon Computers and Coauthor CS: the original archive on a small sample, and the whole sets where prepared."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import _gnn_benchmark, _node_file, amazon_computers, coauthor_cs
from l0gm_edge.data._prepared import read_arrays

LINKS = csr_matrix(np.array([[0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]], np.float32))
WORDS = np.array([[0, 1, 2], [0, 0, 0], [1, 0, 1], [0, 9, 0]], np.float32)
LABELS = np.array([1, 0, 1, 1])


def as_npz(links: csr_matrix, words: csr_matrix, labels: np.ndarray, **more: object) -> bytes:
    """The published format, with one array of objects, as there is."""
    packed = io.BytesIO()
    arrays = {"labels": labels, "node_names": np.array([{"a": "person"}], object)}
    for name, matrix in (("adj", links), ("attr", words)):
        for part in ("data", "indices", "indptr", "shape"):
            arrays[f"{name}_{part}"] = np.asarray(getattr(matrix, part))
    np.savez(packed, **(arrays | more))
    return packed.getvalue()


def test_the_original_is_read_without_direction_loops_or_objects(tmp_path: Path, as_archive) -> None:
    content = as_npz(LINKS, csr_matrix(WORDS), LABELS)
    (tmp_path / "a.zip").write_bytes(
        as_archive({"a/graph.npz": content, "readme.txt": b"x", "__MACOSX/._graph.npz": b"x"})
    )
    made = _gnn_benchmark.arrays(tmp_path / "a.zip")
    assert made["edges"].tolist() == [[0, 1, 1], [1, 2, 3]]
    assert made["feat_shape"].tolist() == [4, 3]
    back = csr_matrix((made["feat_values"], made["feat_indices"].astype(int), made["feat_indptr"].astype(int)), (4, 3))
    assert np.array_equal(back.toarray(), WORDS)
    assert np.array_equal(_node_file.bags(made), WORDS > 0)
    assert np.array_equal(made["labels"], LABELS)


def test_values_are_left_out_where_all_are_one(tmp_path: Path, as_archive) -> None:
    content = as_npz(LINKS, csr_matrix((WORDS > 0).astype(np.float32)), LABELS)
    (tmp_path / "a.zip").write_bytes(as_archive({"graph.npz": content}))
    assert "feat_values" not in _gnn_benchmark.arrays(tmp_path / "a.zip")


def test_the_split_takes_its_shares_of_each_class() -> None:
    labels = np.repeat([0, 1, 2], [50, 13, 5])
    marks = _gnn_benchmark.cut(labels)
    shares = [np.bincount(marks[labels == label], minlength=3).tolist() for label in range(3)]
    assert shares == [[30, 10, 10], [8, 2, 3], [3, 1, 1]]


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"a.npz": b"no archive"},
        {"a.npz": as_npz(LINKS, csr_matrix(WORDS), LABELS), "b.npz": b""},
        {"a.npz": as_npz(LINKS, csr_matrix(WORDS), LABELS[:3])},
        {"a.npz": as_npz(LINKS, csr_matrix(WORDS), LABELS, adj_data=np.array([{}], object))},
        {"a.npz": as_npz(LINKS, csr_matrix(WORDS), LABELS, attr_indptr=np.array([0, 1]))},
    ],
    ids=["nothing", "text", "two", "labels", "objects", "torn matrix"],
)
def test_another_archive_is_refused(tmp_path: Path, as_archive, entries: dict[str, bytes]) -> None:
    (tmp_path / "a.zip").write_bytes(as_archive(entries))
    with pytest.raises(DataError, match="not an archive of one graph") as caught:
        _gnn_benchmark.arrays(tmp_path / "a.zip")
    assert caught.value.where == str(tmp_path / "a.zip")


def test_a_page_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>")
    with pytest.raises(DataError, match="not an archive of one graph"):
        _gnn_benchmark.arrays(tmp_path / "a.zip")


@pytest.mark.data
@pytest.mark.parametrize("one", [amazon_computers, coauthor_cs], ids=["amazon_computers", "coauthor_cs"])
def test_prepare_makes_the_prepared_form_from_the_originals(prepared_folder, tmp_path: Path, as_archive, one) -> None:
    held = read_arrays(one.GRAPH, prepared_folder(one.GRAPH.dataset))
    nodes = len(held["labels"])
    low, high = held["edges"].astype(int)
    sides = np.random.default_rng(0).integers(0, 2, len(low)) > 0  # directed at random, as the source is
    links = csr_matrix((np.ones(len(low)), (np.where(sides, low, high), np.where(sides, high, low))), (nodes, nodes))
    values = held.get("feat_values", np.ones(len(held["feat_indices"]))).astype(np.float32)
    compressed = (values, held["feat_indices"].astype(int), held["feat_indptr"].astype(int))
    content = as_npz(links, csr_matrix(compressed, tuple(held["feat_shape"])), held["labels"].astype(np.int64))
    (tmp_path / one.ORIGINALS[0].file).write_bytes(as_archive({"data/graph.npz": content}))
    one.prepare(tmp_path, tmp_path / "prepared")
    made = read_arrays(one.GRAPH, tmp_path / "prepared")
    assert all(np.array_equal(made[name], values) for name, values in held.items())


@pytest.mark.data
def test_amazon_computers_loads(prepared_folder) -> None:
    loaded = amazon_computers.load(prepared_folder("amazon_computers"))
    sizes = {name: len(getattr(loaded, name)) for name in SPLITS}
    assert sizes == {"train": 7_752, "validation": 2_750, "calibration": 500, "test": 2_750}
    assert loaded.shapes == {"graph": (11, 1535)}
    mask = np.concatenate([getattr(loaded, name).inputs["graph"][:, :, 0] for name in SPLITS])
    assert set(np.unique(mask)) == {0, 1}
    assert mask[:, 0].all()
    assert (mask.sum(axis=1) == 1).sum() == 281  # products without an edge
    assert loaded.sha256 == "dd84e584271fac424432de3e12da5fcd9636b1cddf684bc4e11a2dadde931a50"


@pytest.mark.slow
@pytest.mark.data
def test_coauthor_cs_loads(prepared_folder) -> None:
    loaded = coauthor_cs.load(prepared_folder("coauthor_cs"))
    sizes = {name: len(getattr(loaded, name)) for name in SPLITS}
    assert sizes == {"train": 10_500, "validation": 3_665, "calibration": 500, "test": 3_668}
    assert loaded.shapes == {"graph": (2, 13611)}
    assert sum(getattr(loaded, name).inputs["graph"].nbytes for name in SPLITS) < 2e9
    assert loaded.sha256 == "3aa2ea87efc484fcef65a3972c8595578328fcf3c7bdcdf233ff10eb554ebd93"
