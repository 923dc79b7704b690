"""From a server on this machine to the prepared form, with Adult's code on a small sample of Adult."""

from __future__ import annotations

from pathlib import Path

import pytest

from l0gm_edge import data
from l0gm_edge.core.errors import DataError, IntegrityError, RecipeError, StorageFailed, ToolFailed
from l0gm_edge.core.store import text_sha256
from l0gm_edge.data import adult
from l0gm_edge.data._fetch import fetch

ROW = (
    "{age}, State-gov, 77516, Bachelors, 13, Never-married, ?, Not-in-family, White, Male, 2174, 0, 40, Cuba, {income}"
)
ORIGINAL = "".join(ROW.format(age=20 + at, income=(">50K", "<=50K")[at % 2]) + "\n" for at in range(12))
TEST_ORIGINAL = "|1x3 Cross validator\n" + ORIGINAL.replace("50K\n", "50K.\n")


@pytest.fixture
def small_adult(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Adult as if the sample were the whole; returns the data folder, not yet made."""
    served = (site.original("adult.data", ORIGINAL.encode()), site.original("adult.test", TEST_ORIGINAL.encode()))
    (tmp_path / "original").write_text(ORIGINAL, encoding="utf-8")
    digest = {"sha256": text_sha256(adult.tidy(tmp_path / "original"))}
    monkeypatch.setattr(adult, "ORIGINALS", served)
    monkeypatch.setattr(adult, "TRAIN", adult.TRAIN.model_copy(update=digest))
    monkeypatch.setattr(adult, "TEST", adult.TEST.model_copy(update=digest))
    monkeypatch.setattr(adult, "VALIDATION_ROWS", 4)
    monkeypatch.setattr(adult, "CALIBRATION_ROWS", 2)
    return tmp_path / "data"


def test_fetched_data_loads(site, small_adult: Path) -> None:
    fetched = fetch("adult", small_adult)
    assert fetched.made
    assert fetched.files == adult.PREPARED
    assert {path.name for path in small_adult.rglob("*") if path.is_file()} == set(adult.PREPARED)
    loaded = data.load("adult", small_adult)
    assert [len(loaded.train), len(loaded.validation), len(loaded.calibration), len(loaded.test)] == [6, 4, 2, 12]


def test_sound_data_is_not_fetched_again(site, small_adult: Path) -> None:
    fetch("adult", small_adult)
    assert not fetch("adult", small_adult).made
    assert len(site.asked) == 2


def test_damaged_data_is_made_anew(site, small_adult: Path) -> None:
    fetch("adult", small_adult)
    (small_adult / adult.TEST.file).write_bytes(b"damaged")
    with pytest.raises(IntegrityError):
        data.load("adult", small_adult)
    assert fetch("adult", small_adult).made
    assert len(data.load("adult", small_adult).test) == 12


def test_what_was_downloaded_before_a_failure_is_kept(site, small_adult: Path) -> None:
    withheld = site.files.pop("/adult.test")
    with pytest.raises(ToolFailed):
        fetch("adult", small_adult)
    assert not list(small_adult.glob("*.gz"))
    site.files["/adult.test"] = withheld
    fetch("adult", small_adult)
    assert [path for path, _ in site.asked] == ["/adult.data", "/adult.test", "/adult.test"]


def test_originals_that_make_another_content_leave_nothing(
    site, small_adult: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpromised = tuple(one.model_copy(update={"sha256": None}) for one in adult.ORIGINALS)
    monkeypatch.setattr(adult, "ORIGINALS", unpromised)
    for wrong, error in ((ORIGINAL.replace("Cuba", "Peru"), IntegrityError), ("<html>", DataError)):
        site.files["/adult.data"] = wrong.encode()
        with pytest.raises(error):
            fetch("adult", small_adult)
        assert not [path for path in small_adult.rglob("*") if path.is_file()]
    site.files["/adult.data"] = ORIGINAL.encode()
    assert fetch("adult", small_adult).made


def test_a_full_disk_while_preparing_leaves_the_originals(
    site, small_adult: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFailed("cannot write: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(adult, "write_text", full)
        with pytest.raises(StorageFailed):
            fetch("adult", small_adult)
    assert fetch("adult", small_adult).made
    assert len(site.asked) == 2


def test_data_that_needs_no_network_is_there_at_once(tmp_path: Path) -> None:
    fetched = fetch("digits", tmp_path / "data")
    assert not fetched.made
    assert fetched.files == ()
    assert not (tmp_path / "data").exists()


def test_an_unknown_name_is_told_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="did you mean 'adult'"):
        fetch("adul", tmp_path)
