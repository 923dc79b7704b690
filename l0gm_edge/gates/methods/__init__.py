"""Gate methods, one file each: how gate values are drawn while training, and how they learn what to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, cast

from torch import Tensor

from l0gm_edge.core import plugins

Cost = Callable[[Tensor], Tensor]
"""Differentiable cost of a vector of open probabilities, as a fraction of the full model's."""


class Method(Protocol):
    """Gates of all units at work in one training phase."""

    def values(self, training: bool) -> Tensor:
        """The gate of each unit for one forward pass, in [0, 1]: (units,)."""

    def penalty(self) -> Tensor:
        """What the training loss adds for the gates: a scalar."""

    def step(self) -> None:
        """Learn from the gradients of the last backward pass, and move on one step."""

    def scores(self) -> Tensor:
        """How much each unit is worth keeping, comparable over all sites: (units,)."""

    def open_probability(self) -> Tensor:
        """Each unit's probability of being open: (units,)."""

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""


class MethodPlugin(Protocol):
    """What a file of this folder defines."""

    def create(self, importance: Tensor, cost: Cost, target: float, steps: int, lr: float, ramp: float) -> Method:
        """Start gates from an importance per unit, to end after `steps` at a `target` fraction of the cost.

        The target is approached linearly over the first `ramp` of the steps.
        """


def plugin(name: str) -> MethodPlugin:
    """The method of this name. Raises RecipeError when there is none."""
    return cast(MethodPlugin, plugins.load(__name__, name))
