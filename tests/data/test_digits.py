"""The bundled digits: two views, fixed splits, and a table that tells less than the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from undone import raw

from l0gm_edge.core.dataset import SPLITS, Dataset
from l0gm_edge.data import digits


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return digits.load(Path("unused"))


def test_splits_hold_every_digit_once(loaded: Dataset) -> None:
    assert {name: len(getattr(loaded, name)) for name in SPLITS} == digits.SIZES
    together = np.concatenate([getattr(loaded, name).inputs["image"].reshape(-1, 64) for name in SPLITS])
    original = load_digits().data.astype(np.float32) / 16
    assert np.array_equal(np.sort(together.view("V256"), axis=0), np.sort(original.view("V256"), axis=0))


def test_images_keep_their_labels(loaded: Dataset) -> None:
    bundled = load_digits()
    label_of = {image.tobytes(): label for image, label in zip(bundled.images, bundled.target, strict=True)}
    images, labels = loaded.test.inputs["image"], loaded.test.labels
    assert [label_of[(image[0] * 16).astype(np.float64).tobytes()] for image in images] == labels.tolist()


def test_every_split_has_every_class_in_proportion(loaded: Dataset) -> None:
    for name in SPLITS:
        split = getattr(loaded, name)
        counts = np.bincount(split.labels, minlength=10)
        assert np.abs(counts - len(split) / 10).max() <= 2 + 0.02 * len(split) / 10


def test_loading_repeats(loaded: Dataset) -> None:
    assert digits.load(Path("elsewhere")).sha256 == loaded.sha256


def test_the_table_is_standardised_on_training_rows(loaded: Dataset) -> None:
    table = loaded.train.inputs["table"]
    np.testing.assert_allclose(table.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(table.std(axis=0), 1, atol=1e-4)
    assert abs(loaded.test.inputs["table"].mean(axis=0)).max() > 1e-3


def test_normalization_undone_gives_the_raw_data(loaded: Dataset) -> None:
    bright = raw(loaded, "image")
    np.testing.assert_array_equal(np.unique(bright), np.arange(17))
    table = digits.moments(loaded.train.inputs["image"][:, 0])
    np.testing.assert_allclose(raw(loaded, "table"), table, atol=1e-3, rtol=1e-4)


def test_the_table_tells_clearly_less_than_the_image(loaded: Dataset) -> None:
    def accuracy(modality: str) -> float:
        model = LogisticRegression(max_iter=2000)
        train, validation = loaded.train, loaded.validation
        model.fit(train.inputs[modality].reshape(len(train), -1), train.labels)
        return model.score(validation.inputs[modality].reshape(len(validation), -1), validation.labels)

    assert 0.6 < accuracy("table") < accuracy("image") - 0.05


def test_moments_equal_a_plain_reference() -> None:
    image = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    found = dict(zip(digits.FEATURES, digits.moments(image[None])[0], strict=True))
    ink = sum(float(value) for value in image.flat)
    spots = [(i - 2, j - 3, float(image[i, j]) / ink) for i in range(5) for j in range(7)]
    row, column = sum(i * w for i, _, w in spots), sum(j * w for _, j, w in spots)
    assert found["ink"] == pytest.approx(ink, rel=1e-5)
    assert (found["centre_row"], found["centre_column"]) == pytest.approx((row, column), rel=1e-4)
    for p, q in digits.MOMENTS:
        expected = sum((i - row) ** p * (j - column) ** q * w for i, j, w in spots)
        assert found[f"moment_{p}{q}"] == pytest.approx(expected, rel=1e-4, abs=1e-5)


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 1000))
def test_moving_the_ink_moves_only_its_centre(down: int, right: int, seed: int) -> None:
    spot = np.random.default_rng(seed).random((5, 5)).astype(np.float32) + 0.01
    images = np.zeros((2, 8, 8), np.float32)
    images[0, :5, :5] = spot
    images[1, down : down + 5, right : right + 5] = spot
    first, moved = digits.moments(images)
    np.testing.assert_allclose(moved[1:3] - first[1:3], (down, right), atol=1e-4)
    np.testing.assert_allclose(np.delete(moved, (1, 2)), np.delete(first, (1, 2)), atol=1e-4)
