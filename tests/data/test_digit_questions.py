"""Questions about digits: answered anew from their words alone, and the whole set where MNIST is prepared."""

from __future__ import annotations

import numpy as np
import pytest

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.data import digit_questions as dq

DIGITS = np.random.default_rng(0).integers(0, 10, (3_000, 4))
DRAWS = np.random.default_rng(1).integers(0, 2**32, (3_000, 6))


def said(ids: np.ndarray) -> str:
    return " ".join(dq.WORDS[one] for one in ids if one)


def answer(question: str, digits: list[int]) -> str:
    """What a reader of the question's words answers."""
    words = question.split()
    at = {place: digits[index] for index, place in enumerate(dq.PLACES)}
    if question.startswith("which digit is"):
        return dq.NUMBERS[at[" ".join(words[3:])]]
    if question in ("what is the largest digit", "what is the smallest digit"):
        return dq.NUMBERS[max(digits) if words[3] == "largest" else min(digits)]
    if question.startswith("how many digits are"):
        return dq.NUMBERS[digits.count(dq.NUMBERS.index(words[-1]))]
    if question.startswith("is there a"):
        return "yes" if dq.NUMBERS.index(words[-1]) in digits else "no"
    assert words[4:7] == ["digit", "larger", "than"]
    return "yes" if at[" ".join(words[2:4])] > at[" ".join(words[8:10])] else "no"


def test_every_question_has_the_right_answer() -> None:
    questions, answers = dq.ask(DIGITS, DRAWS)
    asked = [said(ids) for ids in questions]
    for question, found, digits in zip(asked, answers, DIGITS.tolist(), strict=True):
        assert dq.CLASSES[found] == answer(question, digits), (question, digits)
    assert len(set(asked)) == 4 + 1 + 1 + 10 + 10 + 12
    assert {dq.CLASSES[found] for found in answers} == set(dq.CLASSES)


def test_half_of_the_named_digits_are_there() -> None:
    questions, answers = dq.ask(DIGITS, DRAWS)
    named = answers[[said(ids).startswith("is there") for ids in questions]]
    assert np.mean(named == dq.YES) == pytest.approx(0.5, abs=0.07)


def test_the_picture_shows_each_digit_in_its_place() -> None:
    digits = np.arange(2 * 4 * 14 * 14, dtype=np.float32).reshape(2, 4, 14, 14)
    made = dq.picture(digits)
    assert made.shape == (2, 1, 28, 28)
    for at, (row, column) in enumerate([(0, 0), (0, 14), (14, 0), (14, 14)]):
        assert np.array_equal(made[:, 0, row : row + 14, column : column + 14], digits[:, at])


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    loaded = dq.load(prepared_folder("digit_questions"))
    assert {name: len(getattr(loaded, name)) for name in SPLITS} == dq.ROWS
    by_question: dict[bytes, list[int]] = {}
    for ids, found in zip(loaded.train.inputs["question"], loaded.train.labels, strict=True):
        by_question.setdefault(ids.tobytes(), []).append(found)
    guessed = sum(np.bincount(found).max() for found in by_question.values()) / len(loaded.train)
    assert guessed < 0.5  # what the question alone tells
    assert loaded.sha256 == "7b446e4f4bf35d95e94c77d47d198c76cde313b354e8d8b67cfa1d04163acefa"
