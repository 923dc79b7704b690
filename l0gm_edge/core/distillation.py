"""What a compressed model learns from a teacher, as a recipe says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, PositiveFloat, PositiveInt, Tag

from l0gm_edge.core.entry import Entry
from l0gm_edge.core.value import Share, Value


class Features(Value):
    """Activations that the compressed model imitates: the outputs of the modules `at` these paths, in both models."""

    weight: PositiveFloat = 1.0
    at: Annotated[tuple[str, ...], Field(min_length=1)]


class Relations(Value):
    """How alike the samples of a batch are (cosine) in the outputs of the module `at` this path, in both models.

    Of several modules, one for each modality, samples are also compared across them: what belongs together stays
    together.
    """

    weight: PositiveFloat = 1.0
    at: str | Annotated[tuple[str, ...], Field(min_length=1)]

    @property
    def paths(self) -> tuple[str, ...]:
        """The modules' paths."""
        return (self.at,) if isinstance(self.at, str) else self.at


class OwnTeacher(Entry):
    """A given teacher: its function returns an `nn.Module`; `weights` is a .safetensors file to load into it."""

    weights: str | None = None


class LargerTeacher(Value):
    """The recipe's own network with every width `scale` times as large, trained on the labels first: for `steps`, by
    default as many as the dense model."""

    scale: Annotated[float, Field(gt=1, le=16)]
    steps: PositiveInt | None = None


def _teacher(value: object) -> str:
    if isinstance(value, LargerTeacher) or (isinstance(value, Mapping) and "scale" in value):
        return "larger"
    return "own" if isinstance(value, Mapping | Entry) else "dense"


class Distill(Value):
    """What the compressed model learns from a teacher: weight of the soft loss and its temperature, and imitation."""

    weight: Share = 0.5
    temperature: PositiveFloat = 2.0
    features: Features | None = None
    relations: Relations | None = None
    teacher: Annotated[
        Annotated[Literal["dense"], Tag("dense")]
        | Annotated[LargerTeacher, Tag("larger")]
        | Annotated[OwnTeacher, Tag("own")],
        Discriminator(_teacher),
    ] = "dense"
