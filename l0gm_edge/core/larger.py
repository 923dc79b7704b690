"""A recipe's network with wider layers, as a teacher."""

from __future__ import annotations

from l0gm_edge.core.distillation import LargerTeacher
from l0gm_edge.core.network import Encoder, Model, Tokens
from l0gm_edge.core.phases import EVERYTHING
from l0gm_edge.core.recipe import Recipe


def larger(recipe: Recipe, teacher: LargerTeacher) -> Recipe:
    """The recipe of the teacher: every width `scale` times as large, in whole heads, and one course in which all of it
    learns, of its own number of steps, at a rate as much smaller as it is wider (arXiv 2203.03466)."""
    model, moe, learn = recipe.model, recipe.moe, recipe.learn
    assert isinstance(model, Model)
    assert moe is not None
    scale = teacher.scale
    wider = model.model_copy(
        update={
            "encoders": {name: _encoder(one, scale) for name, one in model.encoders.items()},
            "tokens": {name: _tokens(one, scale) for name, one in model.tokens.items()},
            "latent": _times(model.latent, scale, model.transformer.heads if model.transformer else 1),
        }
    )
    return recipe.model_copy(
        update={
            "model": wider,
            "moe": moe.model_copy(update={"hidden": _times(moe.hidden, scale)}),
            "learn": learn.model_copy(
                update={
                    "steps": teacher.steps or learn.steps,
                    "lr": learn.lr / scale,
                    "before": (),
                    "trains": EVERYTHING,
                }
            ),
        }
    )


def _encoder(encoder: Encoder, scale: float) -> Encoder:
    attention = encoder.attention
    if attention is not None:
        attention = attention.model_copy(update={"width": _times(attention.width, scale, attention.heads)})
    widths = tuple(_times(width, scale) for width in encoder.widths)
    return encoder.model_copy(update={"widths": widths, "out": _times(encoder.out, scale), "attention": attention})


def _tokens(tokens: Tokens, scale: float) -> Tokens:
    return tokens.model_copy(update={"stem": tuple(_times(width, scale) for width in tokens.stem)})


def _times(width: int, scale: float, multiple: int = 1) -> int:
    """The width times the scale, to the nearest multiple."""
    return round(width * scale / multiple) * multiple
