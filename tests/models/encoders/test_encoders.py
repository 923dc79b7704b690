"""Every encoder of the folder against its protocol."""

from __future__ import annotations

import foreign_models
import pytest
import torch

from l0gm_edge.core import network, plugins
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.recipe import Gates, Target
from l0gm_edge.gates.session import Session
from l0gm_edge.models import encoders
from l0gm_edge.models.fusion.late import LateFusion
from l0gm_edge.models.moe import MoE
from l0gm_edge.prune.prune import prune

FITTING: dict[str, tuple[int, ...]] = {
    "image": (3, 9, 8),
    "audio": (1, 12, 20),
    "tabular": (7,),
    "text": (9,),
    "graph": (5, 7),
    "video": (3, 1, 8, 9),
}
WRONG: dict[str, list[tuple[int, ...]]] = {
    "image": [(8,), (8, 8), (1, 3, 8), (1, 2, 3, 4)],
    "audio": [(20,), (12, 20), (1, 12, 3)],
    "tabular": [(), (3, 4), (1, 8, 8)],
    "text": [(), (3, 4)],
    "graph": [(7,), (1, 7), (5, 6), (5, 1), (2, 3, 4)],
    "video": [(1, 8, 8), (3, 1, 3, 8), (1, 1, 8, 9)],
}
WIDTHS = {"graph": (6,)}
VOCABULARY = 12


def config(name: str, dropout: float = 0.0) -> network.Encoder:
    takes = {"attention": {"width": 8, "heads": 2}, "vocabulary": VOCABULARY}
    options = {option: takes[option] for option in plugins.load("l0gm_edge.models.encoders", name).TAKES}
    given = {"encoder": name, "widths": WIDTHS.get(name, (6, 5, 4)), "out": 10, "dropout": dropout}
    return network.Encoder.model_validate(given | options)


def samples(name: str) -> torch.Tensor:
    shape = (5, *FITTING[name])
    return torch.randint(VOCABULARY, shape) if name == "text" else torch.randn(shape)


def test_every_encoder_is_tried_here() -> None:
    assert set(plugins.names("l0gm_edge.models.encoders")) == set(FITTING) == set(WRONG)


@pytest.mark.parametrize("name", FITTING)
def test_it_gives_its_interface(name: str) -> None:
    torch.manual_seed(0)
    encoder = encoders.build(config(name), FITTING[name]).eval()
    x = samples(name)
    out = encoder(x)
    assert out.shape == (5, 10)
    assert encoder.interface.out_features == 10
    torch.testing.assert_close(encoder(x[2:3]), out[2:3], rtol=1e-4, atol=1e-6)  # rows do not mix


@pytest.mark.parametrize("name", FITTING)
def test_dropout_acts_in_training_only(name: str) -> None:
    torch.manual_seed(0)
    encoder = encoders.build(config(name, dropout=0.5), FITTING[name])
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    x = samples(name)
    assert not torch.equal(encoder(x), encoder(x))
    assert torch.equal(encoder.eval()(x), encoder(x))


@pytest.mark.parametrize(("name", "shape"), [(name, shape) for name, shapes in WRONG.items() for shape in shapes])
def test_wrong_shapes_are_refused_with_what_is_allowed(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(RecipeError, match=f"encoder '{name}' cannot read samples of shape") as refused:
        encoders.build(config(name), shape)
    assert str(shape) in refused.value.what
    assert refused.value.allowed


@pytest.mark.parametrize("padding", [0, 4, 9])
def test_padding_of_a_text_says_nothing(padding: int) -> None:
    torch.manual_seed(0)
    encoder = encoders.build(config("text"), FITTING["text"]).eval()
    text = torch.randint(1, VOCABULARY, (2, 9))
    text[:, 9 - padding :] = 0
    assert torch.isfinite(encoder(text)).all()
    before = encoder(text)
    with torch.no_grad():
        encoder.get_parameter("position")[9 - padding :] += 1.0
    torch.testing.assert_close(encoder(text), before, rtol=1e-5, atol=1e-6)


def test_a_graph_encoder_takes_the_mean_of_the_neighbours_that_are_there() -> None:
    torch.manual_seed(0)
    encoder = encoders.build(config("graph"), (5, 7)).eval()
    x = torch.randn(1, 5, 7)
    x[0, :, 0] = 1.0
    twice = x[:, [0, 1, 2, 1, 2]]
    absent = twice.clone()
    absent[0, 3:] = 0.0
    torch.testing.assert_close(encoder(twice), encoder(absent), rtol=1e-5, atol=1e-6)
    alone = absent.clone()
    alone[0, 1:] = 0.0
    assert torch.isfinite(encoder(alone)).all()


def test_the_order_of_frames_counts() -> None:
    torch.manual_seed(0)
    encoder = encoders.build(config("video"), FITTING["video"]).eval()
    x = samples("video")
    assert not torch.allclose(encoder(x), encoder(x.flip(1)), atol=1e-4)


@pytest.mark.parametrize("name", ["text", "video"])
def test_a_missing_option_is_named(name: str) -> None:
    without = config(name).model_copy(update={"attention": None})
    with pytest.raises(RecipeError, match=f"encoder '{name}' needs attention"):
        encoders.build(without, FITTING[name])


def test_an_option_that_is_not_read_is_refused() -> None:
    with pytest.raises(RecipeError, match="encoder 'image' has no vocabulary") as refused:
        encoders.build(config("image").model_copy(update={"vocabulary": 9}), FITTING["image"])
    assert refused.value.todo


def test_a_graph_encoder_has_one_hidden_width() -> None:
    with pytest.raises(RecipeError, match="has 2 widths"):
        encoders.build(config("graph").model_copy(update={"widths": (6, 5)}), FITTING["graph"])


@pytest.mark.parametrize("name", FITTING)
def test_a_cut_inside_an_encoder_is_exact(name: str) -> None:
    torch.manual_seed(0)
    model = LateFusion({name: encoders.build(config(name), FITTING[name])}, 16, 0.0, MoE(16, 12, 4, 2), 3).eval()
    foreign_models.randomise(model)
    inputs = {name: samples(name)}
    session = Session(model, inputs, Gates(target=Target(active_fraction=0.5)), {}, model.interface_layers())
    kept = torch.rand(session.layout.units) < 0.6
    for site in session.layout.sites:
        kept[session.layout.offsets[site.name] :][:2] = True
    assert not kept.all()
    assert prune(model, session, inputs, "", 0, kept).exactness.real_inputs <= 1e-5


def test_an_unknown_encoder_gets_the_nearest_name() -> None:
    with pytest.raises(RecipeError, match="imag") as refused:
        encoders.build(config("image").model_copy(update={"encoder": "imagee"}), (1, 8, 8))
    assert "image" in str(refused.value)
