"""Late fusion: built from the recipe, or refused."""

from __future__ import annotations

import fusion_models
import pytest
import torch

from l0gm_edge.core.errors import RecipeError
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
