"""Late fusion: built from the recipe, or refused."""

from __future__ import annotations

from collections.abc import Callable

import fusion_models
import numpy as np
import pytest
import torch

from l0gm_edge.core.dataset import Dataset, Split
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.network import Attention, Encoder, Model
from l0gm_edge.models import fusion


def test_logits_are_the_head_over_the_refined_latent() -> None:
    model = fusion_models.model(fusion_models.recipe()).eval()
    inputs = fusion_models.example(3)
    faces = [model.encoders[name](inputs[name]) for name in sorted(inputs)]
    latent = (torch.cat(faces, 1) @ model.fusion.weight.T + model.fusion.bias).relu()
    torch.testing.assert_close(model.latent(**inputs), latent)
    torch.testing.assert_close(model(**inputs), model.head(latent + model.moe(latent)))
    assert model(**inputs).shape == (3, fusion_models.CLASSES)


def test_the_order_of_the_arguments_does_not_matter() -> None:
    config = fusion_models.recipe()
    inputs = fusion_models.example(3)
    swapped = dict(reversed(fusion_models.SHAPES.items()))
    torch.manual_seed(0)
    twin = fusion.build(config, swapped, fusion_models.CLASSES).eval()
    model = fusion_models.model(config).eval()
    assert torch.equal(twin(**dict(reversed(inputs.items()))), model(**inputs))


def test_interfaces_are_named_layers() -> None:
    model = fusion_models.model(fusion_models.recipe())
    for path in model.interface_layers():
        assert isinstance(model.get_submodule(path), torch.nn.Linear)
    assert len(model.interface_layers()) == len(fusion_models.SHAPES)


@pytest.mark.parametrize("shapes", [{"image": (1, 8, 8)}, fusion_models.SHAPES | {"text": (9,)}])
def test_other_modalities_than_the_data_sets_are_refused(shapes: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(RecipeError, match=r"model\.encoders: found audio, image, table") as refused:
        fusion.build(fusion_models.recipe(), shapes, 4)
    assert refused.value.allowed.endswith(", ".join(sorted(shapes)))
    assert "made_up" in refused.value.allowed


def read_by(encoder: Encoder, values: np.ndarray) -> Callable[[], None]:
    split = Split({"words": values}, np.zeros(len(values), np.int64))
    data = Dataset("made-up", {"words": values.shape[1:]}, ("one",), split, split, split, split)
    return lambda: fusion.require_readable(Model(encoders={"words": encoder}, latent=4), data)


def test_an_encoder_must_know_every_word() -> None:
    ids = np.array([[0, 3, 7]] * 2)
    text = Encoder(encoder="text", widths=(4,), out=4, attention=Attention(width=4, heads=1), vocabulary=8)
    read_by(text, ids)()
    with pytest.raises(RecipeError, match="vocabulary: found 7") as refused:
        read_by(text.model_copy(update={"vocabulary": 7}), ids)()
    assert refused.value.allowed == "more than its largest token id, 7"


def test_ids_and_real_numbers_are_read_by_different_encoders() -> None:
    table = Encoder(encoder="tabular", widths=(4,), out=4)
    text = Encoder(encoder="text", widths=(4,), out=4, attention=Attention(width=4, heads=1), vocabulary=8)
    with pytest.raises(RecipeError, match="found tabular"):
        read_by(table, np.zeros((2, 3), np.int64))()
    with pytest.raises(RecipeError, match="found text"):
        read_by(text, np.zeros((2, 3), np.float32))()
