"""Emoji as pictures and in words: to which of ten groups does one belong? Modalities `image` and `text`.

`image` is the picture, 32 x 32 in three colours on white, each channel standardised with the mean and deviation of the
training pictures. `text` is its name and keywords, as pieces of a WordPiece vocabulary of 2 000 learnt from the
training rows; the first 48 are kept, and id 0 pads. The two tell of the same thing in different ways, so beside the
groups the set serves for finding one by the other. The groups are uneven: `Component` has 9 emoji, `People & Body` 386.

An emoji without a skin tone is one row; with `tones` each of its tones is one more, always in the split of the one
without. A fifth, by a digest of the emoji, is test; validation and calibration are fixed, stratified parts of the rest.

Sources: pictures are Twemoji's, "Copyright 2020 Twitter, Inc and other contributors", CC BY 4.0, here reduced; tags of
Emojibase (MIT); both from github.com/cptpiepmatz/twemoji-assets. Names and groups are Unicode's emoji-test.txt 15.0;
keywords of github.com/muan/emojilib and github.com/github/gemoji, MIT.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l0gm_edge.core import environment
from l0gm_edge.core.dataset import Normalization, Prompted, Split, Values
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original
from l0gm_edge.data import _emoji_table as names
from l0gm_edge.data._image import Bytes
from l0gm_edge.data._prepared import PreparedFile, read_arrays, read_text, write_arrays, write_text
from l0gm_edge.data._splits import stratified
from l0gm_edge.data._tokens import Reading, tokens
from l0gm_edge.data.cifar10 import standard, statistics

SUMMARY = "emoji as 32 x 32 pictures, and their names and keywords as token ids; 10 groups, 1 915 rows"
RAW = "https://raw.githubusercontent.com"
ASSETS = "twemoji-assets.zip"
# Where there is no digest, `prepare` checks what is in the file.
ORIGINALS = (
    Original(
        url="https://github.com/cptpiepmatz/twemoji-assets/archive/9ee6e4b252b5c3038bfda9f9bd41cce3e48a34b8.zip",
        file=ASSETS,
        sha256=None,
    ),
    Original(
        url="https://www.unicode.org/Public/emoji/15.0/emoji-test.txt",
        file=names.UNICODE,
        sha256="8445f23ac8388e096be19d0262e14fceff856ff52093f2356dc89485f1a853db",
    ),
    Original(
        url=f"{RAW}/muan/emojilib/4e1c15de584dd07af4a7f580c8c57d1da616c89e/dist/emoji-en-US.json",
        file=names.EMOJILIB,
        sha256=None,
    ),
    Original(
        url=f"{RAW}/github/gemoji/5476a66d2794e0d1551b1f96e449afc72e9f7bec/db/emoji.json",
        file=names.GEMOJI,
        sha256=None,
    ),
)
PICTURES = PreparedFile(
    dataset="emoji",
    file="emoji_twemoji32.npz",
    sha256="fe9d0ca4b43f21f2024b0c428ee7f653662ae96d9dbf95424768738f656d0a2e",
)
TABLE = PreparedFile(
    dataset="emoji",
    file="emoji_twemoji32.json",
    sha256="b6f08867271ac4c80ab24b4dd99bb35b34503c5e7a3f5b9637727f81a40f0626",
)
PREPARED = (PICTURES.file, TABLE.file)

READING = Reading(vocabulary=2_000, head=48, tail=0)
CLASSES = (
    *("Smileys & Emotion", "People & Body", "Component", "Animals & Nature", "Food & Drink"),
    *("Travel & Places", "Activities", "Objects", "Symbols", "Flags"),
)
SEED = 2020
SHARES = {"validation": 8, "calibration": 15}
"""One in how many of the rows that are not test."""
SIDE = 32
ORIGINAL_SIDE = 72
PICTURE = re.compile(r"[^/]+/assets/72x72/(?P<code>[0-9a-f-]+)\.png")
EMOJIBASE = re.compile(r"[^/]+/emojibase\.data\.json")
LARGEST_ENTRY_BYTES = 1 << 24


def prepare(originals: Path, prepared: Path) -> None:
    """Turn the original tables and the archive of pictures into one .json and one .npz.

    Raises DataError when an original is not what it should be, IntegrityError when its content is another, MissingExtra
    when the package pillow is not installed.
    """
    environment.require("PIL", "data", "reading PNG pictures")
    pictures, emojibase = unpacked(originals / ASSETS)
    made = names.entries(originals, emojibase, pictures)
    write_text(TABLE, prepared, names.as_json(made))
    write_arrays(PICTURES, prepared, {"images": np.stack([reduced(pictures[one["code"]]) for one in made])})


def load(folder: Path, *, tones: bool = False) -> Prompted:
    """Modalities `image` (3, 32, 32) and `text` int64 (48,), below READING.vocabulary; classes are CLASSES, and their
    prompts those names as text.

    Raises DataError when a file is missing, IntegrityError when it is damaged, MissingExtra without the package
    tokenizers.
    """
    images, table = read_arrays(PICTURES, folder)["images"], json.loads(read_text(TABLE, folder))
    kept = [row for row, entry in enumerate(table) if tones or not entry["tones"]]
    entries = [table[row] for row in kept]
    labels = np.array([CLASSES.index(entry["group"]) for entry in entries], np.int64)
    is_test = np.array([entry["split"] == "test" for entry in entries])
    known = np.flatnonzero(~is_test)
    validation, calibration = (len(known) // share for share in SHARES.values())
    sizes = [validation, calibration, len(known) - validation - calibration]
    rows = dict(zip((*SHARES, "train"), (known[part] for part in stratified(labels[known], sizes, SEED)), strict=True))
    texts = [" ".join([entry["name"], *entry["keywords"]]) for entry in entries]
    training = [texts[row] for row in rows["train"]]
    pictures = images[kept]
    centre, spread = statistics(pictures[rows["train"]])
    made = {"image": Normalization(mean=tuple(centre.tolist()), std=tuple(spread.tolist()))}
    inputs: dict[str, Values] = {
        "image": standard(pictures, centre, spread),
        "text": tokens(texts, training, READING),
    }
    prompts = {"text": tokens(CLASSES, training, READING)}
    everything = Split(inputs, labels)
    shapes = {"image": (3, SIDE, SIDE), "text": (READING.length,)}
    splits = {name: everything.take(part) for name, part in rows.items()}
    test = everything.take(np.flatnonzero(is_test))
    return Prompted("emoji", shapes, CLASSES, **splits, test=test, normalization=made, prompts=prompts)


def unpacked(archive: Path) -> tuple[Mapping[str, bytes], Any]:
    """The pictures as PNG files by code, and Emojibase's table. Raises DataError for a file that is no such archive."""
    pictures, emojibase = {}, None
    try:
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                if entry.file_size > LARGEST_ENTRY_BYTES:
                    continue
                if found := PICTURE.fullmatch(entry.filename):
                    pictures[names.plain(found["code"])] = packed.read(entry)
                elif EMOJIBASE.fullmatch(entry.filename):
                    emojibase = json.loads(packed.read(entry))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError) as error:
        raise DataError(f"not an archive of emoji: {error}", where=str(archive)) from error
    if not pictures or emojibase is None:
        raise DataError(
            "the archive lacks pictures or Emojibase's table",
            where=str(archive),
            allowed="assets/72x72/<code>.png and emojibase.data.json",
        )
    return pictures, emojibase


def reduced(content: bytes) -> Bytes:
    """A PNG of 72 x 72 laid over white and reduced to (32, 32, 3); a pixel is the mean of those whose middle it covers.

    Raises DataError for another picture.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as opened:
            if opened.size != (ORIGINAL_SIDE, ORIGINAL_SIDE):
                raise DataError(f"a picture of {opened.size} pixels", where="an emoji", allowed="72 x 72")
            picture = opened.convert("RGBA")
    except (OSError, SyntaxError) as error:
        raise DataError(f"not a picture: {error}", where="an emoji") from error
    white = Image.new("RGBA", picture.size, "white")
    flat = Image.alpha_composite(white, picture).convert("RGB")
    return np.asarray(flat.resize((SIDE, SIDE), Image.Resampling.BOX), np.uint8)
