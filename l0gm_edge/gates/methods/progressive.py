"""Hard gates, 0 or 1, chosen anew every few steps under a budget that shrinks; closed ones may come back.

The forward pass has the mask's value and the backward pass the gradient of every gate, closed ones too (the
straight-through estimator, arXiv 1308.3432). A unit's score is the root of the mean squared gradient of the loss by
its gate (empirical Fisher information, as in arXiv 1801.05787) against the root of its price, so that neither alone
drives widths into corners; a learned part follows the gradient itself. What can no longer be chosen is cut out while
training goes on.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from l0gm_edge.core.recipe import Gates
from l0gm_edge.gates.methods import final_slack, ramped
from l0gm_edge.gates.problem import Problem
from l0gm_edge.gates.select import COARSE, FINE, select

LEARNING_RATE = 0.03
MEMORY, MOMENTUM = 0.95, 0.9
EVERY = 4
"""Steps between choices."""
SETTLED = 0.85
"""Share of the phase after which the choice stands."""
RAMP = SETTLED
"""By default the target is approached as slowly as can be: late steps of a wide network teach most."""
SPREAD = 3.0
"""Learned scores stay within +- this many standard deviations."""
TINY = 1e-30


class Progressive:
    """One score a unit; see the module's docstring."""

    def __init__(self, problem: Problem, importance: Tensor, steps: int, settings: Gates) -> None:
        self.problem, self.steps, self.settings = problem, steps, settings
        self.fisher = importance.clone()
        self.momentum = torch.zeros_like(importance)
        self.learned = torch.zeros_like(importance)
        self.mask = torch.ones_like(importance).requires_grad_()
        self.ranked = self._ranking()
        self.steps_done = 0

    def values(self, training: bool) -> Tensor:
        """The mask."""
        return self.mask if training else self.mask.detach()

    def penalty(self) -> Tensor:
        """Nothing: the budget is kept by choosing."""
        return torch.zeros(())

    def step(self, loss_scale: float) -> None:
        """Take in the gradient, and every few steps choose again."""
        gradient, self.mask.grad = self.mask.grad, None
        self.steps_done += 1
        if gradient is not None and bool(torch.isfinite(gradient).all()):
            self._take_in(gradient / loss_scale)
        if self.steps_done <= self._settles_at and (self.steps_done % EVERY == 0 or self._is_settled or self._due):
            self.ranked = self._ranking()
            self._set_mask(select(self.problem, self.ranked, self._limit(), FINE if self._is_settled else COARSE))

    def scores(self) -> Tensor:
        """sqrt(Fisher information times price), moved by what was learned in units of its spread over all units; as of
        the last choice."""
        return self.ranked

    def open_probability(self) -> Tensor:
        """The mask: 0 or 1."""
        return self.mask.detach()

    def settled(self) -> Tensor | None:
        """The mask, over the last steps."""
        return self.mask.detach().bool() if self._is_settled else None

    def spared(self) -> Tensor | None:
        """At each of the planned cuts, what a budget `slack` times as large as now would keep; at the last one, when
        the choice stands, no more than may be chosen in the end."""
        if not self._due:
            return None
        mask = self.mask.detach().bool()
        slack = final_slack(self.problem, self.settings) if self._is_settled else self.settings.slack
        return mask if slack == 1 else mask | select(self.problem, self.ranked, slack * self._limit(), COARSE)

    def compact(self, problem: Problem, kept: Tensor) -> None:
        """Go on with fewer units."""
        self.problem = problem
        self.fisher, self.momentum, self.learned = self.fisher[kept], self.momentum[kept], self.learned[kept]
        self.ranked = self.ranked[kept]
        self.mask = self.mask.detach()[kept].clone().requires_grad_()

    def state_dict(self) -> dict[str, Tensor]:
        """Mask, scores, and where on the ramp it is."""
        return {
            "mask": self.mask.detach().clone(),
            "fisher": self.fisher.clone(),
            "momentum": self.momentum.clone(),
            "learned": self.learned.clone(),
            "ranked": self.ranked.clone(),
            "steps_done": torch.tensor(self.steps_done),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        self._set_mask(state["mask"])
        for name in ("fisher", "momentum", "learned", "ranked"):
            getattr(self, name).copy_(state[name])
        self.steps_done = int(state["steps_done"])

    @property
    def _settles_at(self) -> int:
        return max(1, round(SETTLED * self.steps))

    @property
    def _ramp(self) -> float:
        return (self.settings.ramp or RAMP) * self.steps

    @property
    def _is_settled(self) -> bool:
        return self.steps_done >= self._settles_at

    @property
    def _due(self) -> bool:
        """Whether a cut is planned for now: all but the last are spread over the ramp."""
        cuts = self.settings.cuts
        planned = {round(self._ramp * cut / (cuts - 1)) for cut in range(1, cuts)}
        return self.steps_done in planned or (cuts > 0 and self.steps_done == self._settles_at)

    def _limit(self) -> float:
        budget = self.problem.budget
        progress = self.steps_done / min(self._ramp, self._settles_at)
        return ramped(budget.total, budget.limit, progress, self.settings.schedule)

    def _set_mask(self, mask: Tensor) -> None:
        with torch.no_grad():
            self.mask.copy_(mask)

    def _ranking(self) -> Tensor:
        _, prices = self.problem.budget.prices(self.mask)
        prices = prices.clamp_min(TINY)
        fisher = self.fisher.double().clamp_min(TINY)
        spread = (fisher.log() - prices.log()).std(unbiased=False) / 2
        return (fisher * prices).sqrt() * (self.learned.double() * spread).exp()

    def _take_in(self, gradient: Tensor) -> None:
        self.fisher.lerp_(gradient.square(), 1 - MEMORY)
        self.momentum.lerp_(gradient, 1 - MOMENTUM)
        rate = self.settings.lr or LEARNING_RATE
        self.learned -= rate * self.momentum / (self.fisher.sqrt() + TINY)
        self.learned.clamp_(-SPREAD, SPREAD)


def create(problem: Problem, importance: Tensor, steps: int, settings: Gates) -> Progressive:
    """Start progressive gates; see `MethodPlugin.create`."""
    return Progressive(problem, importance, steps, settings)
