"""Adult: the original format on a small sample, the encoding, and the whole set where it is prepared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.dataset import SPLITS
from l0gm_edge.core.errors import DataError
from l0gm_edge.core.store import text_sha256
from l0gm_edge.data import adult
from l0gm_edge.data._prepared import read_text

ORIGINAL = """\
39, State-gov, 77516, Bachelors, 13, Never-married, Sales, Not-in-family, White, Male, 2174, 0, 40, Cuba, <=50K
50, ?, 83311, HS-grad, 9, Divorced, ?, Husband, Black, Female, 0, 1902, 13, ?, >50K

"""
TEST_ORIGINAL = "|1x3 Cross validator\n" + ORIGINAL.replace("50K\n", "50K.\n")
TIDY = (
    "age,workclass,fnlwgt,education,education_num,marital_status,occupation,relationship,race,sex,"
    "capital_gain,capital_loss,hours_per_week,native_country,income\n"
    "39,State-gov,77516,Bachelors,13,Never-married,Sales,Not-in-family,White,Male,2174,0,40,Cuba,<=50K\n"
    "50,?,83311,HS-grad,9,Divorced,?,Husband,Black,Female,0,1902,13,?,>50K\n"
)


def table_of(**columns: list[str]) -> dict[str, list[str]]:
    """A table with the given columns; the others hold one value."""
    rows = len(next(iter(columns.values())))
    plain = {name: ["0" if name in adult.NUMBERS else "x"] * rows for name in adult.COLUMNS}
    return plain | columns


@pytest.mark.parametrize("original", [ORIGINAL, TEST_ORIGINAL], ids=["adult.data", "adult.test"])
def test_the_original_is_tidied(tmp_path: Path, original: str) -> None:
    (tmp_path / "original").write_text(original, encoding="utf-8")
    assert adult.tidy(tmp_path / "original") == TIDY


@pytest.mark.parametrize(
    "line", ["<html>", "1, 2, 3", ORIGINAL.splitlines()[0] + ", more", ORIGINAL.splitlines()[0].replace("<=50K", "?")]
)
def test_a_line_that_is_no_row_is_told_by_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "original").write_text(ORIGINAL.splitlines()[0] + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="not a row of Adult") as caught:
        adult.tidy(tmp_path / "original")
    assert caught.value.where == f"{tmp_path / 'original'}:2"


def test_a_missing_original_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        adult.tidy(tmp_path / "original")


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=60), st.lists(st.integers(-10, 200_000), min_size=1))
def test_numbers_rise_from_zero_to_one_bin_by_bin(training: list[int], numbers: list[int]) -> None:
    encoding = adult.learn_encoding(table_of(age=[str(number) for number in training]))
    edges = encoding.edges["age"]
    assert edges[0] == min(training)
    assert edges[-1] == max(training)
    assert np.all(np.diff(edges) > 0)
    code = adult.encode(table_of(age=[str(number) for number in numbers]), encoding)[:, : len(edges) - 1]
    assert code.shape[1] <= adult.BINS
    assert np.all((code >= 0) & (code <= 1))
    assert np.all(np.diff(code, axis=1) <= 0)  # a bin opens when the one before is full
    back = edges[0] + code.astype(np.float64) @ np.diff(edges).astype(np.float64)
    np.testing.assert_allclose(back, np.clip(numbers, min(training), max(training)), rtol=1e-5, atol=1e-2)


def test_a_rare_number_gets_bins_of_its_own() -> None:
    gains = ["0"] * 990 + [str(1000 * k) for k in range(1, 11)]
    edges = adult.learn_encoding(table_of(capital_gain=gains)).edges["capital_gain"]
    assert edges[:2].tolist() == [0, 1000]
    assert len(edges) > 10


def test_categories_are_learnt_from_training_rows_and_missing_is_one() -> None:
    encoding = adult.learn_encoding(table_of(sex=["Male", "?", "Female", "Male"]))
    assert encoding.values["sex"] == ("?", "Female", "Male")
    other = table_of(sex=["?", "Male", "unheard of"])
    before = sum(len(encoding.values[name]) for name in adult.CATEGORIES[: adult.CATEGORIES.index("sex")])
    code = adult.encode(other, encoding)
    assert code[:, before : before + 3].tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_every_column_is_used_but_the_survey_weight() -> None:
    assert {*adult.NUMBERS, *adult.CATEGORIES, *adult.UNUSED, adult.LABEL} == set(adult.COLUMNS)
    assert adult.UNUSED == ("fnlwgt",)


@pytest.mark.data
def test_the_whole_set_loads(prepared_folder) -> None:
    loaded = adult.load(prepared_folder("adult"))
    assert [len(getattr(loaded, name)) for name in SPLITS] == [26_561, 5_000, 1_000, 16_281]
    counts = {name: np.bincount(getattr(loaded, name).labels).tolist() for name in SPLITS}
    assert counts["test"] == [12_435, 3_846]
    assert np.sum([counts[name] for name in SPLITS if name != "test"], axis=0).tolist() == [24_720, 7_841]
    for name in ("validation", "calibration"):
        assert counts[name][1] / sum(counts[name]) == pytest.approx(7_841 / 32_561, abs=1.5 / sum(counts[name]))
    train = loaded.train.inputs["table"]
    assert train.min() == 0
    assert train.max() == 1
    assert np.all(train.max(axis=0) > 0)  # no column that training never fills


@pytest.mark.data
def test_prepare_makes_the_prepared_form_from_the_originals(prepared_folder, tmp_path: Path) -> None:
    rows = {one.file: read_text(one, prepared_folder("adult")).splitlines()[1:] for one in (adult.TRAIN, adult.TEST)}
    spaced = {file: [line.replace(",", ", ") for line in lines] for file, lines in rows.items()}
    train = "\n".join([*spaced[adult.TRAIN.file], "", ""])
    test = "\n".join(["|1x3 Cross validator", *(f"{line}." for line in spaced[adult.TEST.file]), "", ""])
    for original, text in zip(adult.ORIGINALS, (train, test), strict=True):
        assert text_sha256(text) == original.sha256  # so this is, to the byte, what UCI publishes
        (tmp_path / original.file).write_text(text, encoding="utf-8")
    adult.prepare(tmp_path, tmp_path / "prepared")
    assert adult.load(tmp_path / "prepared").sha256 == adult.load(prepared_folder("adult")).sha256
