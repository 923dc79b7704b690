"""A larger teacher: every width, in whole heads, and as long as it is asked to train."""

from __future__ import annotations

import pytest
import token_models
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from l0gm_edge.core.distillation import Distill, LargerTeacher
from l0gm_edge.core.larger import larger
from l0gm_edge.core.network import Attention, Encoder, Model, MoE, Tokens, Transformer
from l0gm_edge.core.phases import Part
from l0gm_edge.core.recipe import OwnModel, Recipe

TEXT = Encoder(encoder="text", widths=(10, 20), out=12, attention=Attention(width=12, heads=3), vocabulary=9)


def recipe(model: Model, moe: MoE | None = None) -> Recipe:
    return token_models.recipe("early").model_copy(update={"model": model, "moe": moe or MoE(hidden=30)})


def test_every_width_of_encoders_grows() -> None:
    wide = larger(recipe(Model(encoders={"words": TEXT}, latent=7)), LargerTeacher(scale=2, steps=5))
    assert isinstance(wide.model, Model)
    words = wide.model.encoders["words"]
    assert (words.widths, words.out, words.attention, words.vocabulary) == (
        (20, 40),
        24,
        Attention(width=24, heads=3),
        9,
    )
    assert (wide.model.latent, wide.moe and wide.moe.hidden) == (14, 60)


def test_it_learns_as_a_whole_for_as_long_as_asked_and_slower_the_wider_it_is() -> None:
    config = recipe(Model(encoders={"words": TEXT}, latent=7))
    learn = config.learn.model_copy(update={"trains": (Part.ROUTERS,), "steps": 40, "lr": 0.012})
    config = config.model_copy(update={"learn": learn})
    asked, plain = (larger(config, LargerTeacher(scale=3, steps=steps)).learn for steps in (5, None))
    assert (asked.steps, plain.steps) == (5, 40)
    assert asked.lr == pytest.approx(0.004)
    assert set(asked.trains) == set(Part)


@given(st.floats(1.01, 16), st.integers(1, 8))
def test_heads_divide_what_is_wider(scale: float, heads: int) -> None:
    tokens = {"image": Tokens(patch=2, stem=(3, 5))}
    model = Model(fusion="early", tokens=tokens, transformer=Transformer(blocks=1, heads=heads), latent=8 * heads)
    wide = larger(recipe(model), LargerTeacher(scale=scale)).model
    assert isinstance(wide, Model)
    assert wide.latent % heads == 0
    assert wide.latent == pytest.approx(8 * heads * scale, abs=heads / 2)
    assert wide.tokens["image"].stem == (round(3 * scale), round(5 * scale))


def test_a_persons_own_model_has_no_larger_twin() -> None:
    config = recipe(Model(encoders={"words": TEXT}, latent=7)).model_dump()
    own = {"model": OwnModel(entry="a:b"), "moe": None, "distill": Distill(teacher=LargerTeacher(scale=2))}
    with pytest.raises(ValidationError, match="give an entry instead"):
        Recipe.model_validate(config | own)
