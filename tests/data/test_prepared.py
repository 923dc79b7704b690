"""The prepared form: told by its content, not by its bytes."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.core.errors import DataError, IntegrityError, StorageFailed
from l0gm_edge.data._prepared import PreparedFile, arrays_sha256, read_arrays, read_text, write_arrays, write_text

ARRAYS = {"pcm": np.arange(-500, 500, dtype=np.int16), "names": np.array(["anna", "bo"]), "rate": np.array(8000)}
NPZ = PreparedFile(dataset="sample", file="sample.npz", sha256=arrays_sha256(ARRAYS))
TEXT = "a,b\n1,é\n"
GZ = PreparedFile(dataset="sample", file="sample.csv.gz", sha256=hashlib.sha256(TEXT.encode()).hexdigest())


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    write_arrays(NPZ, tmp_path / "new", ARRAYS)
    back = read_arrays(NPZ, tmp_path / "new")
    assert set(back) == set(ARRAYS)
    for name, values in ARRAYS.items():
        assert back[name].dtype == values.dtype
        assert np.array_equal(back[name], values)


def test_text_comes_back_as_it_was(tmp_path: Path) -> None:
    write_text(GZ, tmp_path, TEXT)
    assert read_text(GZ, tmp_path) == TEXT


def test_compression_does_not_matter(tmp_path: Path) -> None:
    np.savez(tmp_path / NPZ.file, **dict(reversed(ARRAYS.items())))
    assert read_arrays(NPZ, tmp_path).keys() == ARRAYS.keys()
    (tmp_path / GZ.file).write_bytes(gzip.compress(TEXT.encode(), compresslevel=1, mtime=1))
    assert read_text(GZ, tmp_path) == TEXT


def test_written_files_are_the_same_each_time(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_arrays(NPZ, folder, ARRAYS)
        write_text(GZ, folder, TEXT)
    for file in (NPZ.file, GZ.file):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize(
    "other",
    [
        ARRAYS | {"pcm": ARRAYS["pcm"].astype(np.int32)},
        ARRAYS | {"pcm": ARRAYS["pcm"].reshape(2, 500)},
        ARRAYS | {"pcm": ARRAYS["pcm"][::-1]},
        ARRAYS | {"more": np.zeros(1)},
        {name: values for name, values in ARRAYS.items() if name != "rate"},
        {"x" + name: values for name, values in ARRAYS.items()},
    ],
    ids=["type", "shape", "values", "one more", "one less", "names"],
)
def test_other_arrays_are_refused_both_ways(tmp_path: Path, other: dict) -> None:
    with pytest.raises(IntegrityError, match="sha256"):
        write_arrays(NPZ, tmp_path, other)
    assert list(tmp_path.iterdir()) == []
    np.savez(tmp_path / NPZ.file, **other)
    with pytest.raises(IntegrityError, match=r"sample\.npz does not hold the data set 'sample'"):
        read_arrays(NPZ, tmp_path)


def test_another_text_is_refused_both_ways(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="sha256"):
        write_text(GZ, tmp_path, TEXT + "\n")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / GZ.file).write_bytes(gzip.compress(TEXT.encode() + b"\n"))
    with pytest.raises(IntegrityError, match="fetch sample makes it anew"):
        read_text(GZ, tmp_path)


@pytest.mark.parametrize("read", [lambda at: read_arrays(NPZ, at), lambda at: read_text(GZ, at)], ids=["npz", "gz"])
def test_a_missing_file_tells_what_to_do(tmp_path: Path, read) -> None:
    with pytest.raises(DataError, match="not in the data folder") as caught:
        read(tmp_path / "nowhere")
    told = str(caught.value)
    assert str(tmp_path / "nowhere") in told
    assert all(way in told for way in ("l0gm-edge data fetch sample", "--data-dir", "L0GM_EDGE_DATA"))


@pytest.mark.parametrize("keep", [0, 1, 10, 100, -1], ids=lambda keep: f"{keep} bytes")
def test_a_torn_file_is_refused(tmp_path: Path, keep: int) -> None:
    write_arrays(NPZ, tmp_path, ARRAYS)
    write_text(GZ, tmp_path, TEXT)
    for file in (NPZ.file, GZ.file):
        content = (tmp_path / file).read_bytes()
        (tmp_path / file).write_bytes(content[:keep] if keep < len(content) else content[:-2])
    with pytest.raises(IntegrityError):
        read_arrays(NPZ, tmp_path)
    with pytest.raises(IntegrityError):
        read_text(GZ, tmp_path)


def test_flipped_bits_anywhere_are_refused_or_harmless(tmp_path: Path) -> None:
    write_arrays(NPZ, tmp_path, ARRAYS)
    whole = (tmp_path / NPZ.file).read_bytes()
    refused = 0
    for at in range(0, len(whole), 5):
        torn = bytearray(whole)
        torn[at] ^= 0x01
        (tmp_path / NPZ.file).write_bytes(torn)
        try:
            back = read_arrays(NPZ, tmp_path)
        except IntegrityError:
            refused += 1
        else:
            assert np.array_equal(back["pcm"], ARRAYS["pcm"])
    assert refused > len(whole) / 10


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / NPZ.file, pcm=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(IntegrityError, match="pickle"):
        read_arrays(NPZ, tmp_path)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("l0gm_edge.core.store.os.fsync", full)
    with pytest.raises(StorageFailed, match="No space left") as caught:
        write_arrays(NPZ, tmp_path, ARRAYS)
    assert "--data-dir" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_entry_that_claims_to_be_encrypted_is_refused(tmp_path: Path) -> None:
    write_arrays(NPZ, tmp_path, ARRAYS)
    torn = bytearray((tmp_path / NPZ.file).read_bytes())
    torn[torn.index(b"PK\x01\x02") + 8] |= 1  # the flags of the first entry in the central directory
    (tmp_path / NPZ.file).write_bytes(torn)
    with pytest.raises(IntegrityError, match="encrypted"):
        read_arrays(NPZ, tmp_path)
