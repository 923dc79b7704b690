"""MUStARD: the original JSON on a small sample, and the whole set where it is prepared."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from l0gm_edge.core.errors import DataError
from l0gm_edge.data import mustard
from l0gm_edge.data._prepared import read_text

LINE = {
    "utterance": 'So "good", Zoë.',
    "speaker": "ANN",
    "context": ["Hello.", "No, é"],
    "context_speakers": ["BO", "ANN"],
    "show": "BBT",
    "sarcasm": True,
}
TABLE = """\
id,show,speaker,utterance,context,context_speakers,sarcasm
1_60,BBT,ANN,"So ""good"", Zoë.","[""Hello."", ""No, é""]","[""BO"", ""ANN""]",1
2_1,BBT,ANN,Yes.,[],[],0
"""


def write(folder: Path, content: object) -> Path:
    path = folder / mustard.ORIGINALS[0].file
    path.write_text(json.dumps(content, indent=4), encoding="utf-8")
    return path


def test_lines_become_rows_in_their_order(tmp_path: Path) -> None:
    other = LINE | {"utterance": "Yes.", "context": [], "context_speakers": [], "sarcasm": False}
    assert mustard.table(write(tmp_path, {"1_60": LINE, "2_1": other})) == TABLE


@pytest.mark.parametrize("content", [[], {"1": []}, {"1": {"show": "BBT"}}, {"1": LINE | {"context": None}}])
def test_another_file_is_refused(tmp_path: Path, content: object) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError, match="not a table of MUStARD") as caught:
        mustard.table(path)
    assert caught.value.where == str(path)


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("<html>", encoding="utf-8")
    with pytest.raises(DataError, match="not a table of MUStARD"):
        mustard.table(tmp_path / "a.json")


@pytest.mark.data
def test_prepare_makes_the_prepared_form_from_the_originals(prepared_folder, tmp_path: Path) -> None:
    text = read_text(mustard.LINES, prepared_folder("mustard"))
    lines = {}
    for row in csv.DictReader(io.StringIO(text, newline="")):
        lists = {name: json.loads(row[name]) for name in ("context", "context_speakers")}
        one = {name: row[name] for name in ("utterance", "speaker", "show")}
        lines[row["id"]] = {**one, **lists, "sarcasm": row["sarcasm"] == "1"}
    write(tmp_path, lines)
    mustard.prepare(tmp_path, tmp_path / "prepared")
    assert read_text(mustard.LINES, tmp_path / "prepared") == text


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    loaded = mustard.load(prepared_folder("mustard"))
    for name, size in mustard.SIZES.items():
        split = getattr(loaded, name)
        assert np.bincount(split.labels).tolist() == [size // 2] * 2
        assert (split.inputs["text"][:, 0] > 1).all()
        assert max(values.max() for values in split.inputs.values()) < mustard.TEXT.vocabulary
    assert loaded.sha256 == "1b13c77627e96d0fb1ece428e7b47c25d638b0ef481cdd3ad86ee918f4ced904"
