"""MELD: the original tables on a small sample, and the whole set where it is prepared."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.core.errors import DataError
from l0gm_edge.data import meld
from l0gm_edge.data._prepared import read_text

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
ROWS = {
    "train": '1,"It\x92s me\x85 ",Ann,joy,positive,0,0,1,2,"0:00:01,000","0:00:02,000"\n',
    "dev": "1,Fiancé,Bo,anger,negative,0,0,1,2,0,1\n",
    "test": "1,No,Bo,fear,negative,3,1,1,2,0,1\n",
}
TABLE = """\
split,dialogue,utterance_no,speaker,text,emotion,sentiment
train,0,0,Ann,It’s me…,joy,positive
dev,0,0,Bo,Fiancé,anger,negative
test,3,1,Bo,No,fear,negative
"""


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """The three tables."""
    for split, file in meld.FILES.items():
        (tmp_path / file).write_bytes((HEADER + ROWS[split]).encode())
    return tmp_path


def test_the_originals_are_joined_and_their_quotes_mended(originals: Path) -> None:
    assert meld.table(originals) == TABLE


@pytest.mark.parametrize(
    "content",
    [b"<html>\n<body>", HEADER.replace("Emotion", "Mood").encode() + b"1,2", HEADER.encode() + b"1,No\n", b"\xff\xfe"],
    ids=["a page", "other columns", "a short row", "not UTF-8"],
)
def test_another_file_is_refused(originals: Path, content: bytes) -> None:
    (originals / meld.FILES["dev"]).write_bytes(content)
    with pytest.raises(DataError, match="not a table of MELD") as caught:
        meld.table(originals)
    assert caught.value.where == str(originals / meld.FILES["dev"])


def test_a_missing_original_is_told(originals: Path) -> None:
    (originals / meld.FILES["test"]).unlink()
    with pytest.raises(DataError, match="No such file"):
        meld.table(originals)


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    loaded = meld.load(prepared_folder("meld"))
    counts = {name: np.bincount(getattr(loaded, name).labels).tolist() for name in SPLITS}
    assert counts["validation"] == [470, 163, 150, 153, 111, 22, 40]
    assert counts["test"] == [1256, 402, 281, 345, 208, 68, 50]
    assert np.add(counts["train"], counts["calibration"]).tolist() == [4710, 1743, 1205, 1109, 683, 271, 268]
    assert loaded.train.inputs["text"].max() < meld.READING.vocabulary
    assert loaded.sha256 == "882d37616502b4cf3727c4e1ec39996a1be96c9a17cbdd0e40a3e688fbff817e"


@pytest.mark.data
def test_prepare_makes_the_prepared_form_from_the_originals(prepared_folder, tmp_path: Path) -> None:
    text = read_text(meld.LINES, prepared_folder("meld"))
    windows = {shown: chr(code) for code, shown in meld.WINDOWS.items() if shown}
    written = {split: io.StringIO(newline="") for split in meld.FILES}
    for out in written.values():
        csv.writer(out).writerow(HEADER.strip().split(","))
    for row in csv.DictReader(io.StringIO(text, newline="")):
        cells = (row["text"], row["speaker"], row["emotion"], row["sentiment"], row["dialogue"], row["utterance_no"])
        csv.writer(written[row["split"]]).writerow(("1", *cells, "1", "2", "0", "1"))
    for split, out in written.items():
        original = out.getvalue().translate(str.maketrans(windows))
        (tmp_path / meld.FILES[split]).write_text(original, encoding="utf-8", newline="")
    meld.prepare(tmp_path, tmp_path / "prepared")
    assert read_text(meld.LINES, tmp_path / "prepared") == text
