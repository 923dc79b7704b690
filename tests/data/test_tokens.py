"""Text as token ids: nothing is lost, the vocabulary repeats, and the cache never gets in the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.errors import MissingExtra
from l0gm_edge.data import _tokens
from l0gm_edge.data._tokens import INSIDE, PADDING, SPECIAL, UNKNOWN, Reading, encode, learn, tokens, words

TEXTS = ["The Café’s fine — really fine!", "the cats, the cat; the caterpillar", "", "FINE. 42 cats\n\n42 dogs"] * 3
READING = Reading(vocabulary=200, head=5, tail=3)
# Run in a fresh process: the ids of the vocabulary must not hang on how a hash table is seeded.
TELL = "import sys; from l0gm_edge.data._tokens import learn; print(sorted(learn(eval(sys.argv[1]), 200).items()))"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_words_are_plain_lower_case_ascii() -> None:
    assert words(TEXTS[0]) == ["the", "cafe", "'", "s", "fine", "-", "really", "fine", "!"]
    assert words(TEXTS[3]) == ["fine", ".", "42", "cats", "42", "dogs"]
    assert words("\u4f60\u597d \x08\x85") == []


@given(st.text(max_size=60))
def test_ids_spell_the_words_again(text: str) -> None:
    vocabulary = learn(TEXTS, 200)
    piece = {number: name for name, number in vocabulary.items()}
    (row,) = encode([text], vocabulary, Reading(vocabulary=200, head=200, tail=0))
    assert row.dtype == np.int64
    assert UNKNOWN not in row
    written = "".join(piece[number] for number in row if number != PADDING)
    spelt = "".join(piece[number].removeprefix(INSIDE) for number in row if number != PADDING)
    assert spelt == "".join(words(text)), written


def test_the_vocabulary_knows_frequent_words_whole_and_special_pieces_first() -> None:
    vocabulary = learn(TEXTS, 200)
    assert [name for name, number in vocabulary.items() if number < 2] == list(SPECIAL)
    assert {"the", "fine", "cats"} <= set(vocabulary)
    assert max(vocabulary.values()) == len(vocabulary) - 1 < 200


def test_the_vocabulary_is_the_same_in_every_process() -> None:
    told = {
        subprocess.run([sys.executable, "-c", TELL, repr(TEXTS)], capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    }
    assert told == {f"{sorted(learn(TEXTS, 200).items())}\n"}


@given(st.lists(st.sampled_from("abcd"), max_size=20))
def test_of_a_long_text_the_middle_is_lost(letters: list[str]) -> None:
    vocabulary = learn(TEXTS, 200)
    whole = [vocabulary[letter] for letter in letters]
    (row,) = encode([" ".join(letters)], vocabulary, READING)
    kept = whole if len(whole) <= 8 else whole[:5] + whole[-3:]
    assert row.tolist() == kept + [PADDING] * (8 - len(kept))


def test_a_second_reading_comes_from_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tokens(TEXTS, TEXTS[:4], READING)
    monkeypatch.setattr(_tokens, "learn", None)
    again = tokens(TEXTS, TEXTS[:4], READING)
    assert again.dtype == first.dtype == np.int64
    np.testing.assert_array_equal(again, first)
    assert len(list(cache.rglob("*.npz"))) == 1


@pytest.mark.parametrize(
    "other",
    [
        (TEXTS[1:], TEXTS[:4], READING),
        (TEXTS, TEXTS, READING),
        (TEXTS, TEXTS[:4], Reading(vocabulary=190, head=5, tail=3)),
    ],
)
def test_anything_else_is_made_anew(cache: Path, other: tuple) -> None:
    tokens(TEXTS, TEXTS[:4], READING)
    tokens(*other)
    assert len(list(cache.rglob("*.npz"))) == 2


def test_a_damaged_cache_is_made_anew(cache: Path) -> None:
    first = tokens(TEXTS, TEXTS, READING)
    (kept,) = cache.rglob("*.npz")
    whole = kept.read_bytes()
    for torn in (b"", whole[: len(whole) // 2], whole.replace(first[0].astype(np.uint16).tobytes(), b"\0" * 16)):
        assert torn != whole
        kept.write_bytes(torn)
        np.testing.assert_array_equal(tokens(TEXTS, TEXTS, READING), first)
        assert kept.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path) -> None:
    cache.write_text("a file, where a folder should be")
    np.testing.assert_array_equal(tokens(TEXTS, TEXTS, READING), tokens(TEXTS, TEXTS, READING))


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l0gm_edge.core.environment.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"l0gm-edge\[data\]"):
        tokens(TEXTS, TEXTS, READING)
