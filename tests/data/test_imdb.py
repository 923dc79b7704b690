"""IMDB: the original archive on a small sample, and the whole set where it is prepared."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.core.errors import DataError
from l0gm_edge.core.store import text_sha256
from l0gm_edge.data import imdb
from l0gm_edge.data._prepared import read_text

REVIEWS = {
    "train/pos/0_9.txt": 'Good, "very" good.<br />Yes.',
    "train/neg/0_3.txt": "Bad.",
    "train/neg/10_1.txt": "Très bad",
    "train/neg/2_2.txt": "So-so",
    "test/pos/0_10.txt": "Great",
}
TABLE = """\
split,label,stars,id,text
train,0,3,0,Bad.
train,1,9,0,"Good, ""very"" good.<br />Yes."
train,0,2,2,So-so
train,0,1,10,Très bad
test,1,10,0,Great
"""
Pack = Callable[[Iterable[tuple[str, bytes]]], Path]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """The archive, with these entries."""

    def write(entries: Iterable[tuple[str, bytes]]) -> Path:
        path = tmp_path / imdb.ORIGINALS[0].file
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            for name, content in entries:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return path

    return write


def sample() -> list[tuple[str, bytes]]:
    """The sample's entries."""
    return [(f"aclImdb/{name}", text.encode()) for name, text in REVIEWS.items()]


def test_reviews_are_ordered_by_split_id_and_label(pack: Pack) -> None:
    assert imdb.table(pack(sample())) == TABLE


def test_only_labelled_reviews_are_read_and_nothing_is_unpacked(pack: Pack, tmp_path: Path) -> None:
    others = [
        ("aclImdb/README", b"x"),
        ("aclImdb/train/unsup/0_0.txt", b"x"),
        ("aclImdb/train/pos/../pos/3_9.txt", b"x"),
        ("/aclImdb/train/pos/3_9.txt", b"x"),
        ("../aclImdb/train/pos/3_9.txt", b"x"),
        ("aclImdb/train/pos/3_9.txt", b"x" * (imdb.LARGEST_REVIEW_BYTES + 1)),
    ]
    path = pack([*others, *sample()])
    assert imdb.table(path) == TABLE
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_no_review(pack: Pack, tmp_path: Path) -> None:
    path = tmp_path / "links.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("aclImdb/train/pos/0_9.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    with pytest.raises(DataError, match="holds no"):
        imdb.table(path)


@pytest.mark.parametrize("content", [b"", b"<html>", None], ids=["empty", "a page", "torn"])
def test_another_file_is_refused(pack: Pack, content: bytes | None) -> None:
    path = pack(sample())
    path.write_bytes(path.read_bytes()[:120] if content is None else content)
    with pytest.raises(DataError, match="not an archive of reviews") as caught:
        imdb.table(path)
    assert caught.value.where == str(path)


def test_a_review_that_is_not_utf_8_is_refused(pack: Pack) -> None:
    with pytest.raises(DataError, match="not an archive of reviews"):
        imdb.table(pack([("aclImdb/train/pos/0_9.txt", b"caf\xe9")]))


@pytest.mark.slow
@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    loaded = imdb.load(prepared_folder("imdb"))
    sizes = {name: len(getattr(loaded, name)) for name in SPLITS}
    assert sizes == {"train": 22_000, "validation": 2_500, "calibration": 500, "test": 25_000}
    for name in SPLITS:
        split = getattr(loaded, name)
        assert np.bincount(split.labels).tolist() == [sizes[name] // 2] * 2
        assert split.inputs["text"].max() < imdb.READING.vocabulary
        assert (split.inputs["text"][:, 0] > 1).all()
    assert loaded.sha256 == "aeff1afe76e3322a6c659587ad0e5c9468e58bc68314d2434c19db73e6eb5b1a"


@pytest.mark.slow
@pytest.mark.data
def test_prepare_makes_the_prepared_form_from_the_originals(prepared_folder, tmp_path: Path, pack: Pack) -> None:
    text = read_text(imdb.REVIEWS, prepared_folder("imdb"))
    rows = csv.DictReader(io.StringIO(text, newline=""))
    entries = [
        (f"aclImdb/{r['split']}/{('neg', 'pos')[int(r['label'])]}/{r['id']}_{r['stars']}.txt", r["text"].encode())
        for r in rows
    ]
    pack(sorted(entries))
    imdb.prepare(tmp_path, tmp_path / "prepared")
    assert text_sha256(read_text(imdb.REVIEWS, tmp_path / "prepared")) == imdb.REVIEWS.sha256
