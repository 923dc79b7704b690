"""What a model learns from its labels or from its modalities, one file an objective; each defines `loss`."""

from __future__ import annotations

from functools import cache
from typing import Protocol, cast

from torch import Tensor, nn

from l0gm_edge.core import plugins
from l0gm_edge.core.recipe import Learn
from l0gm_edge.learn.batches import Inputs


class Objective(Protocol):
    """What a file of this folder defines."""

    ROUTES: bool
    """Whether it says itself what routers should do, in the place of the recipe's balance loss."""

    def loss(self, model: nn.Module, inputs: Inputs, labels: Tensor, settings: Learn) -> tuple[Tensor, Tensor]:
        """What is minimised, a scalar, and the logits (n, classes) of the same pass.

        Raises RecipeError where it cannot be had of such a model.
        """


@cache
def plugin(name: str) -> Objective:
    """The objective of this name, which every step asks for. Raises RecipeError when there is none."""
    return cast(Objective, plugins.load(__name__, name))
