"""A data set that is not what it promises is refused, with the split and what was expected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from l0gm_edge.core.dataset import Dataset, Normalization, Split
from l0gm_edge.core.errors import DataError


def split(rows: int = 6, seed: int = 0) -> Split:
    random = np.random.default_rng(seed)
    inputs = {
        "image": random.normal(size=(rows, 1, 2, 2)).astype(np.float32),
        "table": random.normal(size=(rows, 3)).astype(np.float32),
    }
    return Split(inputs, np.arange(rows, dtype=np.int64) % 2)


def dataset() -> Dataset:
    shapes = {"image": (1, 2, 2), "table": (3,)}
    return Dataset("tiny", shapes, ("no", "yes"), split(8), split(4, 1), split(4, 2), split(4, 3))


def test_a_sound_data_set_is_accepted_and_rows_are_taken_in_order() -> None:
    train = dataset().train
    taken = train.take(np.array([3, 1], dtype=np.int64))
    assert len(taken) == 2
    np.testing.assert_array_equal(taken.inputs["table"], train.inputs["table"][[3, 1]])
    np.testing.assert_array_equal(taken.labels, train.labels[[3, 1]])


def broken(kind: str) -> Split:
    good = split()
    image, table = good.inputs["image"], good.inputs["table"]
    nan = table.copy()
    nan[1, 1] = np.nan
    return {
        "modality": Split({"image": image}, good.labels),
        "extra": Split({**good.inputs, "audio": table}, good.labels),
        "shape": Split({"image": image[:, :, :1], "table": table}, good.labels),
        "rows": Split({"image": image[:3], "table": table}, good.labels),
        "type": Split({"image": image.astype(np.float64), "table": table}, good.labels),  # type: ignore[dict-item]
        "nan": Split({"image": image, "table": nan}, good.labels),
        "empty": split(0),
        "label": Split(good.inputs, good.labels + 1),
        "negative": Split(good.inputs, good.labels - 1),
        "label type": Split(good.inputs, good.labels.astype(np.float64)),  # type: ignore[arg-type]
    }[kind]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("modality", "modalities ['image'] found where ['image', 'table'] were promised"),
        ("extra", "modalities ['audio', 'image', 'table'] found"),
        ("shape", "modality image has shape (6, 1, 1, 2)"),
        ("rows", "modality image has shape (3, 1, 2, 2)"),
        ("type", "and type float64"),
        ("nan", "modality table holds NaN or infinity"),
        ("empty", "the split is empty"),
        ("label", "labels are out of range"),
        ("negative", "labels are out of range"),
        ("label type", "labels are out of range"),
    ],
)
@pytest.mark.parametrize("name", ["train", "validation", "calibration", "test"])
def test_an_unsound_split_is_refused_by_name(name: str, kind: str, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        replace(dataset(), **{name: broken(kind)})
    assert expected in caught.value.what
    assert caught.value.where == f"data set tiny, split {name}"


def test_token_ids_are_accepted_from_zero() -> None:
    def words(least: int) -> Split:
        return Split({"text": np.arange(least, least + 12, dtype=np.int64).reshape(4, 3)}, np.arange(4) % 2)

    sound = Dataset("words", {"text": (3,)}, ("no", "yes"), words(0), words(0), words(1), words(0))
    assert sound.calibration.take(slice(0, 1)).inputs["text"].tolist() == [[1, 2, 3]]
    with pytest.raises(DataError, match="modality text holds -1") as caught:
        replace(sound, validation=words(-1))
    assert caught.value.where == "data set words, split validation"
    narrow = Split({"text": words(0).inputs["text"].astype(np.int32)}, words(0).labels)  # type: ignore[dict-item]
    with pytest.raises(DataError, match="and type int32"):
        replace(sound, test=narrow)


@pytest.mark.parametrize(("name", "means"), [("image", 1), ("table", 1), ("table", 3)])
def test_normalization_is_one_for_all_or_one_for_each_entry(name: str, means: int) -> None:
    known = {name: Normalization(mean=(0.5,) * means, std=(2.0,) * means)}
    told = replace(dataset(), normalization=known)
    assert told.normalization == known


@pytest.mark.parametrize(
    ("name", "means", "told"),
    [
        ("image", 2, "the normalization of image has 2 means"),
        ("table", 2, "the normalization of table has 2 means"),
        ("audio", 1, "a normalization of audio, which is no modality"),
    ],
)
def test_normalization_of_no_input_or_of_other_entries_is_refused(name: str, means: int, told: str) -> None:
    with pytest.raises(DataError, match=told):
        replace(dataset(), normalization={name: Normalization(mean=(0.5,) * means, std=(2.0,) * means)})


@pytest.mark.parametrize(
    ("mean", "std"), [((), ()), ((0.0,), (0.0,)), ((0.0,), (-1.0,)), ((0.0, 1.0), (1.0,)), ((float("nan"),), (1.0,))]
)
def test_normalization_divides_by_positive_numbers(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        Normalization(mean=mean, std=std)


def test_the_digest_follows_every_split_and_every_array() -> None:
    whole = dataset()
    others = {replace(whole, **{name: split(5, 9)}).sha256 for name in ("train", "validation", "calibration", "test")}
    relabelled = replace(whole, train=Split(whole.train.inputs, 1 - whole.train.labels)).sha256
    assert whole.sha256 == dataset().sha256
    assert len({whole.sha256, relabelled, *others}) == 6
