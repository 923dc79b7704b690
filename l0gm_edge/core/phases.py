"""What learns, and the phases of training that come before the courses of a run."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from l0gm_edge.core.value import PlugIn, Value


class Part(StrEnum):
    """Parts of a network of ours: the routers of its experts, the layer that gives the logits, and all the rest."""

    ROUTERS = "routers"
    HEAD = "head"
    BODY = "body"


Parts = Annotated[tuple[Part, ...], Field(min_length=1)]
EVERYTHING = tuple(Part)


class Phase(Value):
    """Steps of training by an objective of its own, in which only some parts learn; `lr` is by default `learn.lr`."""

    objective: PlugIn
    steps: PositiveInt
    trains: Parts = EVERYTHING
    lr: PositiveFloat | None = None
