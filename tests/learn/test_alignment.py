"""A shared space put to use: what is found by what, and classes by their prompts."""

from __future__ import annotations

import numpy as np
import pytest
import token_models
import torch

from l0gm_edge.core.dataset import Prompted, Split
from l0gm_edge.core.errors import DataError
from l0gm_edge.learn import alignment

CLASSES = tuple("abcd")


def split(n: int, seed: int = 0) -> Split:
    inputs = {name: values.numpy() for name, values in token_models.example(n, seed).items()}
    return Split(inputs, np.arange(n) % len(CLASSES))


def prompted(prompts: dict[str, np.ndarray]) -> Prompted:
    part = split(5)
    return Prompted("made-up", token_models.SHAPES, CLASSES, part, part, part, part, prompts=prompts)


def test_places_are_the_models_at_length_one() -> None:
    model, rows = token_models.model(token_models.recipe("tower")), split(5)
    with torch.no_grad():
        wanted = model.eval().places(**{name: torch.from_numpy(values) for name, values in rows.inputs.items()})
    found = alignment.places(model, rows)
    assert tuple(found) == model.names
    for at, values in enumerate(found.values()):
        np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose((wanted[:, at].numpy() * values).sum(1), wanted[:, at].norm(dim=1), rtol=1e-5)


def test_recalls_go_both_ways_between_all() -> None:
    same = np.eye(4, dtype=np.float32)
    places = {"image": same, "text": same[[0, 1, 3, 2]]}
    assert alignment.recalls(places, 1) == {"text by image": 0.5, "image by text": 0.5}
    assert alignment.recalls(places, 1, np.ones((4, 4), bool)) == {"text by image": 1.0, "image by text": 1.0}


def test_a_row_is_of_the_class_whose_prompt_lies_nearest() -> None:
    model = token_models.model(token_models.recipe("tower"))
    prompts = split(len(CLASSES), seed=3).inputs["words"]
    rows, data = split(6, seed=1), prompted({"words": prompts})
    seen = alignment.places(model, rows)
    told = alignment.places(model, Split(split(len(CLASSES)).inputs | {"words": prompts}, np.arange(4)))["words"]
    expected = (seen["audio"] + seen["image"]) @ told.T
    np.testing.assert_allclose(alignment.zero_shot(model, rows, data), expected, atol=1e-5)


def test_prompts_tell_of_every_class() -> None:
    with pytest.raises(DataError, match="modality words has shape") as refused:
        prompted({"words": np.zeros((3, 6), np.int64)})
    assert "prompts" in str(refused.value.where)
