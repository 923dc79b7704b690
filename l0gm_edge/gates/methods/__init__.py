"""Gate methods, one file each: how gate values are drawn while training, and how they learn what to keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol, cast

from torch import Tensor

from l0gm_edge.core import plugins
from l0gm_edge.core.recipe import Gates, Schedule
from l0gm_edge.gates.problem import Problem
from l0gm_edge.gates.target import Unit


class Method(Protocol):
    """Gates of all units at work in one training phase."""

    def values(self, training: bool) -> Tensor:
        """The gate of each unit for one forward pass, in [0, 1]: (units,)."""

    def penalty(self) -> Tensor:
        """What the training loss adds for the gates: a scalar."""

    def step(self, loss_scale: float) -> None:
        """Learn from the gradients of the last backward passes, of a loss multiplied by this, and move on one step."""

    def scores(self) -> Tensor:
        """How much the loss minds each unit's going, 0 or more and comparable over all sites: (units,)."""

    def open_probability(self) -> Tensor:
        """Each unit's probability of being open: (units,)."""

    def settled(self) -> Tensor | None:
        """The units chosen, bool (units,), once that choice stands."""

    def spared(self) -> Tensor | None:
        """When the model is due to be cut while it learns: the units that can still be chosen, bool (units,)."""

    def compact(self, problem: Problem, kept: Tensor) -> None:
        """Go on with the units `kept` (their indices until now) of the smaller model that `problem` is about."""

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""


class MethodPlugin(Protocol):
    """What a file of this folder defines."""

    def create(self, problem: Problem, importance: Tensor, steps: int, settings: Gates) -> Method:
        """Start gates from an importance per unit (the mean squared gradient of the loss by its gate), to end after
        `steps` within the problem's budget."""


def plugin(name: str) -> MethodPlugin:
    """The method of this name. Raises RecipeError when there is none."""
    return cast(MethodPlugin, plugins.load(__name__, name))


def ramped(start: float, end: float, progress: float, schedule: Schedule) -> float:
    """Where the target stands at `progress` (0 to 1, and beyond) on the way from `start` to `end`."""
    way = min(1.0, progress)
    if schedule is Schedule.COSINE:
        way = (1 - math.cos(math.pi * way)) / 2
    return (1 - way) * start + way * end


def final_slack(problem: Problem, settings: Gates) -> float:
    """How far past the budget a model may still be when its choice stands: none where cost is counted, half the slack
    where it is predicted, and candidates on both sides of the prediction are yet to be timed."""
    return 1 + (settings.slack - 1) / 2 if problem.budget.unit is Unit.MS else 1.0
