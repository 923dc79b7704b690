"""MUStARD: is a line of a television series meant sarcastically? Modalities `text` and `context`.

`text` is the line, `context` what was said before it, both as pieces of one WordPiece vocabulary of 2 000 learnt from
the training rows; of the line the first 48 pieces are kept, of the context the last 96, and id 0 pads. Speaker and show
are left out, because they tell: of two small shows nearly every line is sarcastic.

690 lines, half of them sarcastic, and no official split: these are fixed and stratified, from the same shows and
speakers throughout. Differences of a point or two between models mean nothing on 150 test rows.

Source: Castro et al., ACL 2019, arXiv:1906.01815; github.com/soujanyaporia/MUStARD, MIT. The lines are from broadcast
series: research use.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np

from l0gm_edge.core.dataset import Dataset, Split
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import Original
from l0gm_edge.data._prepared import PreparedFile, read_text, write_text
from l0gm_edge.data._splits import stratified
from l0gm_edge.data._tokens import Reading, tokens

SUMMARY = "lines of dialogue and what was said before, as token ids; sarcastic or not, 690 rows"
SOURCE = "https://raw.githubusercontent.com/soujanyaporia/MUStARD/b34b5134beeec42a36cdac79330637de9cc9894e/data"
ORIGINALS = (
    Original(
        url=f"{SOURCE}/sarcasm_data.json",
        file="sarcasm_data.json",
        sha256=None,  # `prepare` checks what it holds
    ),
)
LINES = PreparedFile(
    dataset="mustard",
    file="mustard_text.csv.gz",
    sha256="96ccab6eb62d46279c858827f373019721d6dde43dd94ee7500c8bd65b7f9796",
)
PREPARED = (LINES.file,)

TEXT = Reading(vocabulary=2_000, head=48, tail=0)
CONTEXT = Reading(vocabulary=2_000, head=0, tail=96)
CLASSES = ("sincere", "sarcastic")
SEED = 2019
SIZES = {"train": 400, "validation": 90, "calibration": 50, "test": 150}
COLUMNS = ("id", "show", "speaker", "utterance", "context", "context_speakers", "sarcasm")


def prepare(originals: Path, prepared: Path) -> None:
    """Turn the original JSON into one gzipped CSV file; lists become JSON in a cell.

    Raises DataError when it is not MUStARD's, IntegrityError when its content is another.
    """
    write_text(LINES, prepared, table(originals / ORIGINALS[0].file))


def load(folder: Path) -> Dataset:
    """Modalities `text` int64 (48,) and `context` int64 (96,), below their vocabulary; classes are CLASSES.

    Raises DataError when the file is missing, IntegrityError when it is damaged, MissingExtra without the package
    tokenizers.
    """
    rows = list(csv.DictReader(io.StringIO(read_text(LINES, folder), newline="")))
    labels = np.array([int(row["sarcasm"]) for row in rows], np.int64)
    parts = dict(zip(SIZES, stratified(labels, list(SIZES.values()), SEED), strict=True))
    texts = [row["utterance"] for row in rows]
    contexts = [" ".join(json.loads(row["context"])) for row in rows]
    training = [side[row] for row in parts["train"] for side in (contexts, texts)]
    inputs = {"text": tokens(texts, training, TEXT), "context": tokens(contexts, training, CONTEXT)}
    everything = Split(inputs, labels)
    shapes = {"text": (TEXT.length,), "context": (CONTEXT.length,)}
    return Dataset(
        "mustard", shapes, CLASSES, **{name: everything.take(part) for name, part in parts.items()}, normalization={}
    )


def table(original: Path) -> str:
    """The lines as CSV, in the original's order. Raises DataError for a file that is not MUStARD's."""
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(COLUMNS)
    try:
        for key, one in json.loads(original.read_text(encoding="utf-8")).items():
            lists = (json.dumps([*one[name]], ensure_ascii=False) for name in ("context", "context_speakers"))
            rows.writerow((key, one["show"], one["speaker"], one["utterance"], *lists, int(one["sarcasm"])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"not a table of MUStARD: {error!r}", where=str(original)) from error
    return written.getvalue()
