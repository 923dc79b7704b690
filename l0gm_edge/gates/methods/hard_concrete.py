"""Stochastic L0 gates whose expected cost follows a ramp exactly.

The gates are those of arXiv 1712.01312. The target is a constraint with a multiplier, as in FLOP and CoFi
(arXiv 2204.00408), but neither drifts: after every step a common shift of log_alpha puts the expected cost back on the
ramp, and the multiplier is solved for, as the one at which the loss gradient leaves the cost unchanged, where plain
ascent winds up. Under a fixed penalty, as in L0GM (arXiv 2603.26801), there is neither ramp nor shift.

Gates end as open or closed: the temperature falls while they learn, the noise goes, and over the last steps the
weights learn with the units that the final choice keeps.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from l0gm_edge.core.recipe import Gates, Schedule
from l0gm_edge.gates import hard_concrete
from l0gm_edge.gates.methods import ramped
from l0gm_edge.gates.problem import Problem
from l0gm_edge.gates.select import select

LEARNING_RATE = 0.1
START = 2.0
"""Mean log_alpha at the start: P(open) = 0.97."""
LIMIT = 8.0
"""log_alpha stays within +-LIMIT, where a gate still feels its gradient."""
MOMENTUM = 0.9
COLDEST = hard_concrete.BETA / 2
"""Temperature at the end; at the start it is the paper's."""
RAMP, CALM, SETTLED = 0.5, 0.75, 0.9
"""Shares of the phase: that of the ramp, by default; after which gates are drawn without noise; after which they no
longer learn."""
TOLERANCE = 1e-6
"""How near the expected cost, as a fraction of the full model's, comes to the ramp."""


class HardConcrete:
    """One log_alpha a unit; see the module's docstring."""

    def __init__(self, problem: Problem, importance: Tensor, steps: int, settings: Gates) -> None:
        spread = _standardised(importance.clamp_min(1e-20).log()).clamp(-2, 2)
        self.log_alpha = (START + spread).requires_grad_()
        self.problem, self.steps, self.settings = problem, steps, settings
        self.optimizer = torch.optim.Adam([self.log_alpha], lr=settings.lr or LEARNING_RATE, betas=(MOMENTUM, 0.99))
        self.multiplier = torch.zeros(())
        self.steps_done = 0
        self.start_cost = float(self._cost(self.log_alpha.detach()))
        self._chosen: Tensor | None = None

    def values(self, training: bool) -> Tensor:
        """Sampled gates in training, the deployed ones elsewhere and towards the end; at last those chosen."""
        if (chosen := self.settled()) is not None:
            soft = hard_concrete.deployed(self.log_alpha.detach(), self._beta).clamp_min(0.5)
            return torch.where(self.problem.layout.hard, torch.ones_like(soft), soft) * chosen
        if training and self._progress < CALM:
            return hard_concrete.sample(self.log_alpha, self._beta)
        deployed = hard_concrete.deployed(self.log_alpha, self._beta)
        return deployed if training else deployed.detach()

    def penalty(self) -> Tensor:
        """The multiplier times the expected cost (a fraction of the full model's)."""
        if self._progress >= SETTLED:
            return torch.zeros(())
        return self.multiplier * self._cost(self.log_alpha).to(self.log_alpha.dtype)

    def step(self, loss_scale: float) -> None:
        """One step of the gate optimiser, a new multiplier, and the shift onto the ramp."""
        gradient, self.log_alpha.grad = self.log_alpha.grad, None
        learns = self._progress < SETTLED
        self.steps_done += 1
        if not learns or gradient is None or not bool(torch.isfinite(gradient).all()):
            return
        self.log_alpha.grad = gradient / loss_scale
        self._update_multiplier(self.log_alpha.grad)
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            self.log_alpha.clamp_(-LIMIT, LIMIT)
            if self.settings.schedule is not Schedule.FIXED:
                self.log_alpha.copy_(self._shifted(self._wanted()))

    def scores(self) -> Tensor:
        """exp(log_alpha) times the unit's price, so that by loss per cost gates rank as they have learned to."""
        _, prices = self.problem.budget.prices(self.open_probability())
        return self.log_alpha.detach().double().exp() * prices.clamp_min(0)

    def open_probability(self) -> Tensor:
        """P(z != 0)."""
        return hard_concrete.open_probability(self.log_alpha.detach(), self._beta)

    def settled(self) -> Tensor | None:
        """The final choice, over the last steps."""
        if self._progress < SETTLED:
            return None
        if self._chosen is None:
            self._chosen = select(self.problem, self.scores())
        return self._chosen

    def spared(self) -> Tensor | None:
        """Never: a gate that is nearly closed may still open."""
        return None

    def compact(self, problem: Problem, kept: Tensor) -> None:
        """Go on with fewer units."""
        moments = self.optimizer.state.pop(self.log_alpha, {})
        self.problem = problem
        self.log_alpha = self.log_alpha.detach()[kept].clone().requires_grad_()
        self.optimizer.param_groups[0]["params"] = [self.log_alpha]
        if moments:
            self.optimizer.state[self.log_alpha] = {
                name: value[kept] if value.dim() else value for name, value in moments.items()
            }
        self._chosen = None if self._chosen is None else self._chosen[kept]

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
        self._chosen = None
        prefix = "adam."
        moments = {name.removeprefix(prefix): value.clone() for name, value in state.items() if name.startswith(prefix)}
        if moments:
            self.optimizer.state[self.log_alpha] = moments

    @property
    def _progress(self) -> float:
        return self.steps_done / self.steps

    @property
    def _beta(self) -> float:
        return ramped(hard_concrete.BETA, COLDEST, self._progress / CALM, Schedule.LINEAR)

    def _wanted(self) -> float:
        progress = self._progress / (self.settings.ramp or RAMP)
        return ramped(self.start_cost, self.problem.budget.fraction, progress, self.settings.schedule)

    def _cost(self, log_alpha: Tensor) -> Tensor:
        return self.problem.budget.expected_fraction(hard_concrete.open_probability(log_alpha, self._beta))

    def _update_multiplier(self, gradient: Tensor) -> None:
        """Move the multiplier to where the whole gradient is orthogonal to the cost's; or along the fixed schedule."""
        if self.settings.penalty is not None:
            full = torch.tensor(self.settings.penalty)
            self.multiplier = full * min(1.0, self._progress / (self.settings.ramp or RAMP))
            return
        leaf = self.log_alpha.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self._cost(leaf), leaf)
        excess = (gradient * slope).sum() / slope.square().sum().clamp_min(1e-20)
        self.multiplier = (self.multiplier - (1 - MOMENTUM) * excess).detach().clamp_min(0)

    def _shifted(self, wanted: float) -> Tensor:
        """log_alpha plus the shift at which the expected cost is `wanted`, by Newton's method between bounds."""
        low, high, shift = -4 * LIMIT, 4 * LIMIT, 0.0
        for _ in range(40):
            with torch.enable_grad():
                leaf = torch.tensor(shift, requires_grad=True)
                moved = (self.log_alpha.detach() + leaf).clamp(-LIMIT, LIMIT)
                cost = self._cost(moved)
                (slope,) = torch.autograd.grad(cost, leaf)
            above = float(cost) - wanted
            if abs(above) <= TOLERANCE:
                break
            low, high = (low, shift) if above > 0 else (shift, high)
            newton = shift - above / float(slope) if float(slope) > 0 else low
            shift = newton if low < newton < high else (low + high) / 2
        return moved.detach()


def _standardised(values: Tensor) -> Tensor:
    return (values - values.mean()) / values.std(unbiased=False).clamp_min(1e-12)


def create(problem: Problem, importance: Tensor, steps: int, settings: Gates) -> HardConcrete:
    """Start hard-concrete gates; see `MethodPlugin.create`."""
    return HardConcrete(problem, importance, steps, settings)
