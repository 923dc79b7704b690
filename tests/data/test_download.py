"""Downloads from a server on this machine: cuts, ranges, redirects, digests, full disks."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from l0gm_edge.core.errors import DataError, IntegrityError, StorageFailed, ToolFailed
from l0gm_edge.data import Original
from l0gm_edge.data._download import ATTEMPTS, download

CONTENT = random.Random(0).randbytes(300_000)


def test_a_file_arrives_whole_and_alone(site, tmp_path: Path) -> None:
    path = download(site.original("a.gz", CONTENT), tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "a.gz"
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["a.gz"]


def test_a_right_file_is_not_asked_for_again(site, tmp_path: Path) -> None:
    original = site.original("a.gz", CONTENT)
    download(original, tmp_path)
    download(original, tmp_path)
    assert len(site.asked) == 1


def test_a_wrong_file_is_replaced(site, tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"damaged")
    assert download(site.original("a.gz", CONTENT), tmp_path).read_bytes() == CONTENT


def test_a_cut_is_gone_on_from_where_it_was(site, tmp_path: Path) -> None:
    site.cuts = [100_000, 50_000]
    assert download(site.original("a.gz", CONTENT), tmp_path, pause_s=0).read_bytes() == CONTENT
    assert [wanted for _, wanted in site.asked] == [None, "bytes=100000-", "bytes=150000-"]


def test_a_later_call_goes_on_from_an_earlier_one(site, tmp_path: Path) -> None:
    original = site.original("a.gz", CONTENT)
    site.cuts = [100_000] + [0] * (ATTEMPTS - 1)
    with pytest.raises(ToolFailed, match="100000 of 300000 bytes"):
        download(original, tmp_path, pause_s=0)
    assert (tmp_path / "a.gz.part").stat().st_size == 100_000
    assert not (tmp_path / "a.gz").exists()
    assert download(original, tmp_path, pause_s=0).read_bytes() == CONTENT
    assert site.asked[-1] == ("/a.gz", "bytes=100000-")


def test_a_server_that_ignores_ranges_is_read_from_the_start(site, tmp_path: Path) -> None:
    site.ranges, site.cuts = False, [100_000]
    assert download(site.original("a.gz", CONTENT), tmp_path, pause_s=0).read_bytes() == CONTENT


def test_another_range_than_asked_for_is_not_believed(site, tmp_path: Path) -> None:
    site.wrong_range, site.cuts = True, [100_000]
    assert download(site.original("a.gz", CONTENT), tmp_path, pause_s=0).read_bytes() == CONTENT
    assert [wanted for _, wanted in site.asked] == [None, "bytes=100000-", None]


@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 5])
def test_a_part_that_is_long_enough_already_starts_again(site, tmp_path: Path, size: int) -> None:
    (tmp_path / "a.gz.part").write_bytes(bytes(size))
    assert download(site.original("a.gz", CONTENT), tmp_path, pause_s=0).read_bytes() == CONTENT


def test_a_part_of_another_file_starts_again(site, tmp_path: Path) -> None:
    (tmp_path / "a.gz.part").write_bytes(b"of another file")
    assert download(site.original("a.gz", CONTENT), tmp_path, pause_s=0).read_bytes() == CONTENT


def test_a_length_that_is_not_told_is_no_hindrance(site, tmp_path: Path) -> None:
    site.tells_length = False
    assert download(site.original("a.gz", CONTENT), tmp_path).read_bytes() == CONTENT


def test_another_digest_is_refused_and_nothing_is_kept(site, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="another file than promised") as caught:
        download(site.original("a.gz", CONTENT, sha256="0" * 64), tmp_path)
    assert caught.value.where == f"{site.url}/a.gz"
    assert list(tmp_path.iterdir()) == []
    assert len(site.asked) == 1


def test_without_a_promised_digest_the_file_is_taken(site, tmp_path: Path) -> None:
    original = site.original("a.gz", CONTENT).model_copy(update={"sha256": None})
    assert download(original, tmp_path).read_bytes() == CONTENT


def test_a_missing_file_is_told_at_once(site, tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"a\.gz could not be downloaded: Not Found") as caught:
        download(Original(url=f"{site.url}/a.gz", file="a.gz", sha256=None), tmp_path)
    assert caught.value.exit_status == 4
    assert "--data-dir" in str(caught.value)
    assert len(site.asked) == 1


def test_nobody_at_the_address_is_told(tmp_path: Path) -> None:
    nobody = Original(url="http://127.0.0.1:1/a.gz", file="a.gz", sha256=None)
    with pytest.raises(ToolFailed, match="refused"):
        download(nobody, tmp_path, pause_s=0)


def test_redirects_are_followed(site, tmp_path: Path) -> None:
    original = site.original("a.gz", CONTENT)
    site.redirects["/old"] = original.url
    assert download(original.model_copy(update={"url": f"{site.url}/old"}), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("address", ["http://example.org/a.gz", "ftp://example.org/a.gz", "file:///etc/passwd"])
def test_an_address_that_is_not_secure_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(DataError, match="not secure"):
        download(Original(url=address, file="a.gz", sha256=None), tmp_path)


def test_a_redirect_to_an_address_that_is_not_secure_is_refused(site, tmp_path: Path) -> None:
    site.redirects["/old"] = "http://example.org/a.gz"
    with pytest.raises(DataError, match="not secure"):
        download(Original(url=f"{site.url}/old", file="a.gz", sha256=None), tmp_path)


def test_a_full_disk_is_told(site, tmp_path: Path) -> None:
    (tmp_path / "a.gz.part").symlink_to("/dev/full")
    with pytest.raises(StorageFailed, match="No space left") as caught:
        download(site.original("a.gz", CONTENT), tmp_path)
    assert "--data-dir" in str(caught.value)
    assert not (tmp_path / "a.gz").exists()


def test_a_folder_that_cannot_be_made_is_told(site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFailed, match="data folder cannot be made"):
        download(site.original("a.gz", CONTENT), tmp_path / "file" / "folder")
