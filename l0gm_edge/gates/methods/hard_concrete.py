"""Stochastic L0 gates whose expected cost follows a ramp exactly.

The gates are those of arXiv 1712.01312. The target is a constraint with a multiplier, as in FLOP and CoFi
(arXiv 2204.00408), but neither drifts: after every step a common shift of log_alpha puts the expected cost back on the
ramp, and the multiplier is solved for, as the one at which the loss gradient leaves the cost unchanged, where plain
ascent winds up.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from l0gm_edge.gates import hard_concrete
from l0gm_edge.gates.methods import Cost

START = 2.0
"""Mean log_alpha at the start: P(open) = 0.97."""
LIMIT = 8.0
"""log_alpha stays within +-LIMIT, where a gate still feels its gradient."""
MOMENTUM = 0.9


class HardConcrete:
    """One log_alpha a unit; see the module's docstring."""

    def __init__(self, importance: Tensor, cost: Cost, target: float, steps: int, lr: float, ramp: float) -> None:
        spread = _standardised(importance.clamp_min(1e-20).log()).clamp(-2, 2)
        self.log_alpha = (START + spread).requires_grad_()
        self.cost, self.target, self.ramp_steps = cost, target, max(1, round(ramp * steps))
        self.optimizer = torch.optim.Adam([self.log_alpha], lr=lr, betas=(MOMENTUM, 0.99))
        self.multiplier = torch.zeros(())
        self.steps_done = 0
        self.start_cost = float(cost(self.open_probability()))

    def values(self, training: bool) -> Tensor:
        """Sampled gates in training, else the deployed ones."""
        if training:
            return hard_concrete.sample(self.log_alpha)
        return hard_concrete.deployed(self.log_alpha.detach())

    def penalty(self) -> Tensor:
        """The multiplier times the expected cost (a fraction of the full model's)."""
        return self.multiplier * self.cost(self._open(self.log_alpha)).to(self.log_alpha.dtype)

    def step(self) -> None:
        """One step of the gate optimiser, a new multiplier, and the shift onto the ramp."""
        self._update_multiplier()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps_done += 1
        with torch.no_grad():
            ramped = min(1.0, self.steps_done / self.ramp_steps)
            wanted = self.start_cost + (self.target - self.start_cost) * ramped
            self.log_alpha.copy_(self._shifted(wanted))

    def scores(self) -> Tensor:
        """log_alpha itself: gates of all sites compete for one budget."""
        return self.log_alpha.detach().clone()

    def open_probability(self) -> Tensor:
        """P(z != 0)."""
        return self._open(self.log_alpha.detach())

    def state_dict(self) -> dict[str, Tensor]:
        """log_alpha, the optimiser's moments, the multiplier, and where on the ramp it is."""
        moments = self.optimizer.state.get(self.log_alpha, {})
        return {
            "log_alpha": self.log_alpha.detach().clone(),
            "multiplier": self.multiplier.clone(),
            "steps_done": torch.tensor(self.steps_done),
            "start_cost": torch.tensor(self.start_cost, dtype=torch.float64),
            **{f"adam.{name}": value.clone() for name, value in moments.items()},
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        with torch.no_grad():
            self.log_alpha.copy_(state["log_alpha"])
        self.multiplier = state["multiplier"].clone()
        self.steps_done = int(state["steps_done"])
        self.start_cost = float(state["start_cost"])
        prefix = "adam."
        moments = {name.removeprefix(prefix): value.clone() for name, value in state.items() if name.startswith(prefix)}
        if moments:
            self.optimizer.state[self.log_alpha] = moments

    def _open(self, log_alpha: Tensor) -> Tensor:
        return hard_concrete.open_probability(log_alpha)

    def _update_multiplier(self) -> None:
        """Move the multiplier to where the whole gradient is orthogonal to the cost's."""
        gradient = self.log_alpha.grad
        if gradient is None:
            return
        leaf = self.log_alpha.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.cost(self._open(leaf)), leaf)
        excess = (gradient * slope).sum() / slope.square().sum().clamp_min(1e-20)
        self.multiplier = (self.multiplier - (1 - MOMENTUM) * excess).detach().clamp_min(0)

    def _shifted(self, wanted: float) -> Tensor:
        """log_alpha plus the shift at which the expected cost is `wanted`, by bisection; within the limits."""
        low, high = -4 * LIMIT, 4 * LIMIT
        for _ in range(40):
            middle = (low + high) / 2
            above = float(self.cost(self._open((self.log_alpha + middle).clamp(-LIMIT, LIMIT)))) > wanted
            low, high = (low, middle) if above else (middle, high)
        return (self.log_alpha + low).clamp(-LIMIT, LIMIT)


def _standardised(values: Tensor) -> Tensor:
    return (values - values.mean()) / values.std(unbiased=False).clamp_min(1e-12)


def create(importance: Tensor, cost: Cost, target: float, steps: int, lr: float, ramp: float) -> HardConcrete:
    """Start hard-concrete gates; see `MethodPlugin.create`."""
    return HardConcrete(importance, cost, target, steps, lr, ramp)
