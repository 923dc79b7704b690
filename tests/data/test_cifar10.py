"""CIFAR-10's part: found in an archive of pictures by what they show, on a small sample; the whole where prepared."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from undone import raw

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.core.errors import DataError, MissingExtra
from l0gm_edge.data import cifar10
from l0gm_edge.data._prepared import arrays_sha256, read_arrays

TOP = "CIFAR-10-images-abc"
DRAW = np.random.default_rng(0)


def as_jpeg(picture: np.ndarray, mode: str = "RGB") -> bytes:
    packed = io.BytesIO()
    Image.fromarray(picture, "RGB").convert(mode).save(packed, "JPEG", quality=95)
    return packed.getvalue()


def decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def entries(count: int = 3) -> dict[str, bytes]:
    """Some pictures of every class in both splits, by their names in the archive."""
    names = [
        f"{TOP}/{split}/{kind}/{number:04}.jpg"
        for split in ("train", "test")
        for kind in cifar10.CLASSES
        for number in range(count)
    ]
    pictures = DRAW.integers(0, 256, (len(names), 4, 4, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    return {name: as_jpeg(picture) for name, picture in zip(names, pictures, strict=True)}


def part(found: dict[str, bytes], numbers: dict[str, tuple[int, ...]]) -> tuple[dict[str, np.ndarray], dict]:
    """The marks of a part of it (these numbers of every class), and its arrays."""
    marks, arrays = {}, {"class_names": np.array(cifar10.CLASSES)}
    for split, chosen in numbers.items():
        rows = [f"{TOP}/{split}/{kind}/{number:04}.jpg" for number in chosen for kind in cifar10.CLASSES]
        arrays[f"x_{split}"] = np.stack([decoded(found[row]) for row in rows])
        arrays[f"y_{split}"] = np.tile(np.arange(10, dtype=np.uint8), len(chosen))
        marks[split] = np.array([cifar10.mark(picture) for picture in arrays[f"x_{split}"]], np.uint32)
    return marks, arrays


def test_the_part_is_found_in_its_own_order(tmp_path: Path, as_archive) -> None:
    found = entries()
    marks, expected = part(found, {"train": (2, 0), "test": (1,)})
    others = dict.fromkeys(
        (f"{TOP}/README.md", f"{TOP}/train/plane/0.jpg", "a/../train/cat/0.jpg", "/train/cat/0.jpg"), b"x"
    )
    (tmp_path / "a.zip").write_bytes(as_archive(others | dict(sorted(found.items(), reverse=True))))
    arrays = cifar10.arrays(tmp_path / "a.zip", marks)
    assert arrays_sha256(arrays) == arrays_sha256(expected)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_picture_of_another_class_or_split_is_not_taken_for_it(tmp_path: Path, as_archive) -> None:
    found = entries()
    marks, _ = part(found, {"train": (0,), "test": (0,)})
    cat, dog, test = (f"{TOP}/{folder}/0000.jpg" for folder in ("train/cat", "train/dog", "test/frog"))
    found[cat], found[dog], found[test] = found[dog], found[cat], found[f"{TOP}/train/frog/0000.jpg"]
    (tmp_path / "a.zip").write_bytes(as_archive(found))
    with pytest.raises(DataError, match="3 of the part's 20 pictures are not in the archive"):
        cifar10.arrays(tmp_path / "a.zip", marks)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (as_jpeg(np.zeros((32, 33, 3), np.uint8)), r"\(33, 32\) pixels"),
        (as_jpeg(np.zeros((32, 32, 3), np.uint8), "L"), "pixels, L"),
        (b"no picture", "not an archive of .jpg files"),
        (entries(1)[f"{TOP}/test/cat/0000.jpg"][:200], "not an archive of .jpg files"),
    ],
    ids=["size", "grey", "text", "torn"],
)
def test_another_picture_is_refused(tmp_path: Path, as_archive, content: bytes, error: str) -> None:
    (tmp_path / "a.zip").write_bytes(as_archive({f"{TOP}/test/cat/0000.jpg": content}))
    with pytest.raises(DataError, match=error):
        cifar10.arrays(tmp_path / "a.zip", {})


@pytest.mark.parametrize("content", [b"", b"<html>"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match="not an archive") as caught:
        cifar10.arrays(tmp_path / "a.zip", {})
    assert caught.value.where == str(tmp_path / "a.zip")


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l0gm_edge.core.environment.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"l0gm-edge\[data\]"):
        cifar10.prepare(tmp_path, tmp_path)


def test_channels_are_standardised_as_numpy_would() -> None:
    pictures = DRAW.integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)
    centre, spread = cifar10.statistics(pictures)
    np.testing.assert_allclose(centre, pictures.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(spread, pictures.std((0, 1, 2)), rtol=1e-6)


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    loaded = cifar10.load(prepared_folder("cifar10"))
    assert {name: len(getattr(loaded, name)) for name in SPLITS} == {**cifar10.SIZES, "test": 3_000}
    for name in SPLITS:
        assert len(set(np.bincount(getattr(loaded, name).labels))) == 1
    image = loaded.train.inputs["image"]
    assert image.mean((0, 2, 3), dtype=np.float64) == pytest.approx(0, abs=1e-5)
    assert image.std((0, 2, 3), dtype=np.float64) == pytest.approx(1, abs=1e-5)
    assert loaded.sha256 == "03caae18f596962ab7e9c784d53bc6cdd5be7d6988fac498fd424adb43ff5d31"
    whole = raw(loaded, "image")
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-3)
    assert (np.rint(whole.min()), np.rint(whole.max())) == (0, 255)


@pytest.mark.data
def test_the_marks_are_those_of_the_prepared_pictures(prepared_folder) -> None:
    held = read_arrays(cifar10.PART, prepared_folder("cifar10"))
    for split, marks in cifar10.chosen().items():
        assert [cifar10.mark(picture) for picture in held[f"x_{split}"]] == marks.tolist()
        assert np.array_equal(held[f"y_{split}"], np.arange(len(marks)) % 10)
