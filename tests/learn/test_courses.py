"""Phases before the courses: what each may change, what both courses begin with, and what does not fit."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import token_models
import torch
from torch import Tensor, nn

from l0gm_edge.core.dataset import Dataset, Split
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.phases import Part, Phase
from l0gm_edge.core.progress import Silent
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.learn import courses
from l0gm_edge.learn.sparsify import kept_pairs

SPECIALIZATION = Phase(objective="specialization", steps=6)
SELECTION = Phase(objective="selection", steps=9, trains=(Part.ROUTERS,), lr=0.01)


def split(n: int, seed: int) -> Split:
    inputs = {name: values.numpy() for name, values in token_models.example(n, seed).items()}
    return Split(inputs, np.arange(n, dtype=np.int64) % token_models.CLASSES)


DATA = Dataset(
    "made_up",
    token_models.SHAPES,
    tuple("abcd"),
    **{name: split(48, seed) for seed, name in enumerate(("train", "validation", "calibration", "test"))},
)


def recipe(*before: Phase, fusion: str = "towers", **learn: object) -> Recipe:
    config = token_models.recipe(fusion, before=before, **learn)
    return config.model_copy(update={"moe": config.moe.model_copy(update={"kept_pairs": 0.5})})


def digests(model: nn.Module) -> dict[str, str]:
    return {name: sha256(value.numpy().tobytes()).hexdigest() for name, value in model.state_dict().items()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_selection_changes_nothing_but_the_routers(tmp_path: Path) -> None:
    first, both = recipe(SPECIALIZATION), recipe(SPECIALIZATION, SELECTION)
    model = token_models.model(first)
    untrained = digests(model)
    courses.train_before(first, model, DATA, tmp_path, Silent())
    specialised = digests(model)
    heads = {name for name in untrained if name.startswith("head.")}
    assert changed(untrained, specialised) == set(untrained) - heads, "no label has been seen"
    histories = courses.train_before(both, model, DATA, tmp_path, Silent())  # the first phase is not trained again
    assert list(histories) == ["1-specialization", "2-selection"]
    routes = {name for name in untrained if ".router." in name}
    thresholds = {name for name in untrained if name.endswith(".threshold")}
    assert changed(specialised, digests(model)) - thresholds == routes


def test_phases_end_with_the_share_of_pairs_that_is_asked_for_and_so_does_every_course(tmp_path: Path) -> None:
    config = recipe(SPECIALIZATION, steps=8)
    model = token_models.model(config)
    for train in (courses.train_before, courses.train_dense):
        train(config, model, DATA, tmp_path, Silent())
        assert list(kept_pairs(model, DATA.calibration).values()) == pytest.approx([0.5] * 6, abs=0.01)


def test_without_phases_nothing_comes_before(tmp_path: Path) -> None:
    model = token_models.model(recipe())
    before = digests(model)
    assert courses.train_before(recipe(), model, DATA, tmp_path, Silent()) == {}
    assert changed(before, digests(model)) == set()


def test_a_dense_course_that_keeps_the_routes_leaves_the_routers(tmp_path: Path) -> None:
    config = recipe(steps=5, trains=(Part.BODY, Part.HEAD))
    model = token_models.model(config)
    before = digests(model)
    courses.train_dense(config, model, DATA, tmp_path, Silent())
    now = changed(before, digests(model))
    assert {name for name in now if ".router." in name} == set()
    assert {"head.weight", "towers.image.interface.weight"} <= now


@pytest.mark.parametrize("objective", ["specialization", "selection"])
def test_what_compares_modalities_is_refused_where_they_give_nothing_apart(objective: str) -> None:
    config = recipe(Phase(objective=objective, steps=3), fusion="early")
    example, labels = token_models.example(4), torch.arange(4)
    with pytest.raises(RecipeError, match=rf"objective '{objective}' compares what each modality gives") as refused:
        courses.require_fit(config, token_models.model(config), example, labels)
    assert refused.value.allowed == "model.fusion: late, shared, towers"
    plain = recipe(Phase(objective="classification", steps=3), fusion="early")
    courses.require_fit(plain, token_models.model(plain), example, labels)


def test_a_phase_has_its_own_rate_or_the_recipes() -> None:
    config = recipe(SPECIALIZATION, SELECTION, lr=0.5)
    settings = [courses.phase_settings(config, phase) for phase in courses.phases(config).values()]
    assert [(one.objective, one.lr) for one in settings] == [("specialization", 0.5), ("selection", 0.01)]


def test_labels_are_not_read_before_they_may_be(tmp_path: Path) -> None:
    """Other labels leave the specialised weights as they are, to the bit."""
    config, weights = recipe(SPECIALIZATION), list[dict[str, Tensor]]()
    for number, labels in enumerate((DATA.train.labels, DATA.train.labels[::-1].copy())):
        model = token_models.model(config)
        data = Dataset("made_up", DATA.shapes, DATA.classes, Split(DATA.train.inputs, labels), *[DATA.validation] * 3)
        courses.train_before(config, model, data, tmp_path / str(number), Silent())
        weights.append(model.state_dict())
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
