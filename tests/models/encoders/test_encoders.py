"""Every encoder of the folder against its protocol."""

from __future__ import annotations

import pytest
import torch

from l0gm_edge.core import plugins
from l0gm_edge.core import recipe as recipes
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.models import encoders

FITTING = {"image": (3, 9, 8), "audio": (1, 12, 20), "tabular": (7,)}
WRONG = {
    "image": [(8,), (8, 8), (1, 3, 8), (1, 2, 3, 4)],
    "audio": [(20,), (12, 20), (1, 12, 3)],
    "tabular": [(), (3, 4), (1, 8, 8)],
}


def config(name: str, dropout: float = 0.0) -> recipes.Encoder:
    return recipes.Encoder(encoder=name, widths=(6, 5, 4), out=10, dropout=dropout)


def test_every_encoder_is_tried_here() -> None:
    assert set(plugins.names("l0gm_edge.models.encoders")) == set(FITTING) == set(WRONG)


@pytest.mark.parametrize("name", FITTING)
def test_it_gives_its_interface(name: str) -> None:
    torch.manual_seed(0)
    encoder = encoders.plugin(name).build(config(name), FITTING[name]).eval()
    x = torch.randn(5, *FITTING[name])
    out = encoder(x)
    assert out.shape == (5, 10)
    assert encoder.interface.out_features == 10
    torch.testing.assert_close(encoder(x[2:3]), out[2:3], rtol=1e-4, atol=1e-6)  # rows do not mix


@pytest.mark.parametrize("name", FITTING)
def test_dropout_acts_in_training_only(name: str) -> None:
    torch.manual_seed(0)
    encoder = encoders.plugin(name).build(config(name, dropout=0.5), FITTING[name])
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    x = torch.randn(5, *FITTING[name])
    assert not torch.equal(encoder(x), encoder(x))
    assert torch.equal(encoder.eval()(x), encoder(x))


@pytest.mark.parametrize(("name", "shape"), [(name, shape) for name, shapes in WRONG.items() for shape in shapes])
def test_wrong_shapes_are_refused_with_what_is_allowed(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(RecipeError, match=f"encoder '{name}' cannot read samples of shape") as refused:
        encoders.plugin(name).build(config(name), shape)
    assert str(shape) in refused.value.what
    assert refused.value.allowed


def test_an_unknown_encoder_gets_the_nearest_name() -> None:
    with pytest.raises(RecipeError, match="imag") as refused:
        encoders.plugin("imagee")
    assert "image" in str(refused.value)
