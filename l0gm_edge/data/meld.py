"""MELD emotions: what does a line of dialogue from a television series express? One modality, `text`.

The utterance alone, without speaker or what was said before, as pieces of a WordPiece vocabulary of 4 000 learnt from
the training rows; the first 64 are kept, and id 0 pads. Nearly half of the lines are neutral and two classes have 3 %
each: look at macro-F1 beside accuracy.

Validation and test are the official ones; calibration is a fixed, stratified part of the official train set.

Source: Poria et al., MELD, ACL 2019, arXiv:1810.02508; github.com/declare-lab/MELD, GPL-3.0. The lines are from a
broadcast series: research use.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from l0gm_edge.core.dataset import Dataset, Labels, Split, Tokens
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original
from l0gm_edge.data._prepared import PreparedFile, read_text, write_text
from l0gm_edge.data._splits import Rows, stratified
from l0gm_edge.data._tokens import Reading, tokens

SUMMARY = "lines of dialogue as token ids; 7 emotions, uneven, 13 708 rows"
SOURCE = "https://raw.githubusercontent.com/declare-lab/MELD/2d2011b409d3ca2d7e94460cd007d434b1d0a102/data/MELD"
FILES = {split: f"{split}_sent_emo.csv" for split in ("train", "dev", "test")}
# `prepare` checks what they hold.
ORIGINALS = tuple(Original(url=f"{SOURCE}/{file}", file=file, sha256=None) for file in FILES.values())
LINES = PreparedFile(
    dataset="meld",
    file="meld_text.csv.gz",
    sha256="7ceac0e398b2a6cec67cf435dd75d35f00742b4a758bf0080a4764e52bae2a7f",
)
PREPARED = (LINES.file,)

READING = Reading(vocabulary=4_000, head=64, tail=0)
CLASSES = ("neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear")
SEED = 2019
CALIBRATION_ROWS = 500
COLUMNS = {
    "dialogue": "Dialogue_ID",
    "utterance_no": "Utterance_ID",
    "speaker": "Speaker",
    "text": "Utterance",
    "emotion": "Emotion",
    "sentiment": "Sentiment",
}
"""Columns of the prepared form, after `split`, by their names in the original."""
# The original holds Windows-1252 quotes and dashes under the numbers of control characters.
WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}

Lines = Sequence[Mapping[str, str]]


def prepare(originals: Path, prepared: Path) -> None:
    """Turn the three original tables into one gzipped CSV file.

    Raises DataError when an original is not such a table, IntegrityError when its content is another.
    """
    write_text(LINES, prepared, table(originals))


def load(folder: Path) -> Dataset:
    """Modality `text` int64 (64,), below READING.vocabulary; classes are CLASSES, most frequent first.

    Raises DataError when the file is missing, IntegrityError when it is damaged, MissingExtra without the package
    tokenizers.
    """
    spoken = lines(LINES, folder)
    texts = [line["text"] for line in spoken]
    training = [texts[row] for row in parts(spoken)["train"]]
    return dataset("meld", {"text": tokens(texts, training, READING)}, spoken)


def lines(prepared: PreparedFile, folder: Path) -> Lines:
    """The rows of the prepared form, by column. Raises as `read_text` does."""
    return list(csv.DictReader(io.StringIO(read_text(prepared, folder), newline="")))


def parts(spoken: Lines) -> Mapping[str, Rows]:
    """The rows of each split."""
    official = {split: np.flatnonzero([line["split"] == split for line in spoken]) for split in FILES}
    known = official["train"]
    sizes = [CALIBRATION_ROWS, len(known) - CALIBRATION_ROWS]
    calibration, train = (known[part] for part in stratified(_labels(spoken)[known], sizes, SEED))
    return {"train": train, "validation": official["dev"], "calibration": calibration, "test": official["test"]}


def dataset(name: str, inputs: Mapping[str, Tokens], spoken: Lines) -> Dataset:
    """The data set of these inputs, one row a line."""
    everything = Split(inputs, _labels(spoken))
    shapes = {modality: values.shape[1:] for modality, values in inputs.items()}
    splits = {split: everything.take(rows) for split, rows in parts(spoken).items()}
    return Dataset(name, shapes, CLASSES, **splits, normalization={})


def _labels(spoken: Lines) -> Labels:
    return np.array([CLASSES.index(line["emotion"]) for line in spoken], np.int64)


def table(originals: Path) -> str:
    """The utterances of all splits as CSV. Raises DataError for a file that is no such table."""
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(("split", *COLUMNS))
    for split, file in FILES.items():
        rows.writerows((split, *cells) for cells in _cells(originals / file))
    return written.getvalue()


def _cells(original: Path) -> Iterator[list[str]]:
    try:
        text = original.read_text(encoding="utf-8-sig").translate(WINDOWS)
        for row in csv.DictReader(io.StringIO(text, newline="")):
            yield [row[name].strip() for name in COLUMNS.values()]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, AttributeError) as error:
        raise DataError(f"not a table of MELD: {error!r}", where=str(original)) from error
