"""MELD emotions with what was said before: the lines of `meld`, and a second modality `context`.

`text` is the line as in `meld`; `context` is every earlier line of the same dialogue, of which the last 96 pieces are
kept; it is all padding for the first line of a dialogue. Both are read with one WordPiece vocabulary of 4 000 learnt
from the training rows. Splits are those of `meld`, so the calibration rows come from dialogues of train.
"""

from __future__ import annotations

from pathlib import Path

from l0gm_edge.core.dataset import Dataset
from l0gm_edge.data import meld
from l0gm_edge.data._tokens import Reading, tokens

SUMMARY = "lines of dialogue and what was said before, as token ids; 7 emotions, uneven, 13 708 rows"
ORIGINALS = meld.ORIGINALS
LINES = meld.LINES.model_copy(update={"dataset": "meld_context"})
PREPARED = meld.PREPARED
prepare = meld.prepare

CONTEXT = Reading(vocabulary=meld.READING.vocabulary, head=0, tail=96)


def load(folder: Path) -> Dataset:
    """Modalities `text` int64 (64,) and `context` int64 (96,), below their vocabulary; classes are those of `meld`.

    Raises DataError when the file is missing, IntegrityError when it is damaged, MissingExtra without the package
    tokenizers.
    """
    lines = meld.lines(LINES, folder)
    parts = meld.parts(lines)
    texts, said = [line["text"] for line in lines], earlier(lines)
    training = [texts[row] for row in parts["train"]]
    inputs = {"text": tokens(texts, training, meld.READING), "context": tokens(said, training, CONTEXT)}
    return meld.dataset("meld_context", inputs, lines)


def earlier(lines: meld.Lines) -> list[str]:
    """For each line, what was said before it in its dialogue, as one text; lines of a dialogue stand in order."""
    said: list[str] = []
    for at, line in enumerate(lines):
        before = lines[at - 1] if at else None
        goes_on = before is not None and all(before[name] == line[name] for name in ("split", "dialogue"))
        said.append(f"{said[-1]} {before['text']}".strip() if before is not None and goes_on else "")
    return said
