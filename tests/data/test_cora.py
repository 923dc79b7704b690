"""Cora: Planetoid's pickles, written by hand as Python 2 wrote them, and the whole set where it is prepared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import _node_file, _planetoid, cora
from l0gm_edge.data._node_file import TEST, TRAIN, UNUSED, VALIDATION
from l0gm_edge.data._prepared import read_arrays


def number(value: int) -> bytes:
    return b"J" + int(value).to_bytes(4, "little", signed=True)


def text(content: bytes) -> bytes:
    return b"T" + len(content).to_bytes(4, "little") + content


def several(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def array(values: np.ndarray) -> bytes:
    """A numpy array by the opcodes that Python 2 and its numpy used."""
    kind = b"cnumpy\ndtype\n" + several(text(values.dtype.str[1:].encode()), number(0), number(1)) + b"R"
    order = text(values.dtype.str[:1].encode())
    kind += several(number(3), order, b"N", b"N", b"N", number(-1), number(-1), number(0)) + b"b"
    empty = (
        b"cnumpy.core.multiarray\n_reconstruct\n" + several(b"cnumpy\nndarray\n", several(number(0)), text(b"b")) + b"R"
    )
    shape = several(*map(number, values.shape))
    return empty + several(number(1), shape, kind, b"I00\n", text(values.tobytes())) + b"b"


def matrix(values: np.ndarray) -> bytes:
    """A scipy matrix, in the manner of old classes."""
    packed = csr_matrix(values)
    made = (
        b"ccopy_reg\n_reconstructor\n"
        + several(b"cscipy.sparse.csr\ncsr_matrix\n", b"c__builtin__\nobject\n", b"N")
        + b"R"
    )
    parts = {b"data": packed.data, b"indices": packed.indices, b"indptr": packed.indptr}
    attributes = b"".join(text(name) + array(part) for name, part in parts.items())
    return made + b"}(" + attributes + text(b"_shape") + several(*map(number, packed.shape)) + b"ub"


def graph(links: dict[int, list[int]]) -> bytes:
    made = b"ccollections\ndefaultdict\n" + several(b"c__builtin__\nlist\n") + b"R("
    for node, ends in links.items():
        made += number(node) + b"](" + b"".join(map(number, ends)) + b"e"
    return made + b"u"


def write(folder: Path, words: np.ndarray, labels: np.ndarray, links: dict[int, list[int]], split: np.ndarray) -> None:
    """Planetoid's files: test nodes come last, and their rows here in reverse."""
    place = np.flatnonzero(split == TEST)[::-1]
    known, hot = len(words) - len(place), np.eye(labels.max() + 1, dtype=np.int32)[labels]
    parts = {
        "y": array(hot[: (split == TRAIN).sum()]),
        "allx": matrix(words[:known]),
        "ally": array(hot[:known]),
        "tx": matrix(words[place]),
        "ty": array(hot[place]),
        "graph": graph(links),
    }
    for part, content in parts.items():
        (folder / f"ind.cora.{part}").write_bytes(b"\x80\x02" + content + b".")
    (folder / "ind.cora.test.index").write_text("".join(f"{node}\n" for node in place))


WORDS = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 1], [1, 0, 0]], np.float32)
LABELS = np.array([0, 1, 1, 0, 1])
LINKS = {0: [1, 1, 0], 1: [0, 4], 2: [3], 3: [2], 4: [1]}
SPLIT = np.array([TRAIN, VALIDATION, VALIDATION, TEST, TEST], np.uint8)


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    write(tmp_path, WORDS, LABELS, LINKS, SPLIT)
    return tmp_path


def test_the_originals_are_read_and_test_nodes_put_in_their_places(originals: Path) -> None:
    made = _planetoid.arrays(originals, "cora")
    assert made["edges"].tolist() == [[0, 1, 2], [1, 4, 3]]
    assert np.array_equal(_node_file.bags(made), WORDS)
    assert np.array_equal(made["labels"], LABELS)
    assert np.array_equal(made["split"], SPLIT)


@pytest.mark.parametrize(
    "named",
    [b"cos\nsystem\n" + several(text(b"touch PWNED")) + b"R", b"c__builtin__\neval\n" + several(text(b"1")) + b"R"],
    ids=["os.system", "eval"],
)
def test_nothing_in_a_file_is_run(originals: Path, monkeypatch, named: bytes) -> None:
    monkeypatch.chdir(originals)
    (originals / "ind.cora.graph").write_bytes(b"\x80\x02" + named + b".")
    with pytest.raises(DataError, match="no part of an array or a graph"):
        _planetoid.arrays(originals, "cora")
    assert not (originals / "PWNED").exists()


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("graph", b"<html>"),
        ("graph", b""),
        ("allx", b"\x80\x02" + matrix(WORDS)[:90]),
        ("allx", b"\x80\x02" + array(WORDS) + b"."),
        ("ally", b"\x80\x02" + array(np.array(["a", "b"])) + b"."),
        ("ty", b"\x80\x02" + array(np.eye(3)) + b"."),
        ("test.index", b"four\n"),
        ("test.index", b"1\n2\n"),
    ],
    ids=["a page", "nothing", "torn", "no matrix", "texts", "three labels", "a word", "other nodes"],
)
def test_another_file_is_refused(originals: Path, part: str, content: bytes) -> None:
    (originals / f"ind.cora.{part}").write_bytes(content)
    with pytest.raises(DataError, match="of Planetoid"):
        _planetoid.arrays(originals, "cora")


def test_a_missing_original_is_told(originals: Path) -> None:
    (originals / "ind.cora.tx").unlink()
    with pytest.raises(DataError, match="No such file"):
        _planetoid.arrays(originals, "cora")


@pytest.mark.data
def test_prepare_makes_the_prepared_form_from_the_originals(prepared_folder, tmp_path: Path) -> None:
    held = read_arrays(cora.GRAPH, prepared_folder("cora"))
    links: dict[int, list[int]] = {node: [] for node in range(len(held["labels"]))}
    for low, high in held["edges"].T.tolist():
        links[low].append(high)
        links[high].append(low)
    write(tmp_path, _node_file.bags(held), held["labels"].astype(int), links, held["split"])
    cora.prepare(tmp_path, tmp_path / "prepared")
    made = read_arrays(cora.GRAPH, tmp_path / "prepared")
    assert all(np.array_equal(made[name], values) for name, values in held.items())


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    folder = prepared_folder("cora")
    loaded = cora.load(folder)
    assert {name: len(getattr(loaded, name)) for name in SPLITS} == {
        "train": 140,
        "validation": 500,
        "calibration": 500,
        "test": 1_000,
    }
    assert np.bincount(loaded.train.labels).tolist() == [20] * 7
    assert (read_arrays(cora.GRAPH, folder)["split"] == UNUSED).sum() == 1_068
    assert loaded.sha256 == "f1f9f212769816a71968254f856e45a6549ba1f6c2af7e1c6125ca341bfa88d5"
