"""Importance alone, nothing learned: units are chosen once, when the warm-up ends.

The importance is the mean squared gradient of the loss by each gate (empirical Fisher information, a second-order
Taylor score; arXiv 1801.05787, 1906.10771). The weights then learn with the units that stay.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from l0gm_edge.core.recipe import Gates
from l0gm_edge.gates.methods import final_slack
from l0gm_edge.gates.problem import Problem
from l0gm_edge.gates.select import select


class OneShot:
    """A mask that never changes; see the module's docstring."""

    def __init__(self, problem: Problem, importance: Tensor, settings: Gates) -> None:
        self.problem, self.importance, self.settings = problem, importance.clone(), settings
        self.mask = select(problem, self.scores()).to(importance.dtype)
        self.is_cut = False

    def values(self, training: bool) -> Tensor:  # noqa: ARG002 (the same at all times)
        """The mask."""
        return self.mask

    def penalty(self) -> Tensor:
        """Nothing."""
        return torch.zeros(())

    def step(self, loss_scale: float) -> None:
        """Nothing is learned."""

    def scores(self) -> Tensor:
        """sqrt(Fisher information)."""
        return self.importance.double().sqrt()

    def open_probability(self) -> Tensor:
        """The mask: 0 or 1."""
        return self.mask

    def settled(self) -> Tensor | None:
        """The choice, from the start."""
        return self.mask.bool()

    def spared(self) -> Tensor | None:
        """At once, what was chosen, and what may be chosen in the end."""
        if self.is_cut or not self.settings.cuts:
            return None
        limit = final_slack(self.problem, self.settings) * self.problem.budget.limit
        return select(self.problem, self.scores(), limit) | self.mask.bool()

    def compact(self, problem: Problem, kept: Tensor) -> None:
        """Go on with fewer units."""
        self.problem, self.importance, self.mask, self.is_cut = problem, self.importance[kept], self.mask[kept], True

    def state_dict(self) -> dict[str, Tensor]:
        """Importance and mask."""
        return {
            "importance": self.importance.clone(),
            "mask": self.mask.clone(),
            "is_cut": torch.tensor(self.is_cut),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        self.importance, self.mask = state["importance"].clone(), state["mask"].clone()
        self.is_cut = bool(state["is_cut"])


def create(problem: Problem, importance: Tensor, steps: int, settings: Gates) -> OneShot:  # noqa: ARG001
    """Choose; see `MethodPlugin.create`."""
    return OneShot(problem, importance, settings)
