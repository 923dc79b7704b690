"""Gates at work on one model: warm-up that measures importance, gates that learn, a choice that is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import Gates, SiteKind
from l0gm_edge.gates import methods
from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.groups import find_sites
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.select import Widths, require_reachable, select
from l0gm_edge.gates.size import size_model
from l0gm_edge.gates.target import budget

IMPORTANCE_MEMORY = 0.95


class Session:
    """The gates of one model. Until `begin`, gates are 1 and `step` gathers how much the loss minds each unit."""

    def __init__(
        self, model: nn.Module, example_inputs: Mapping[str, Tensor], gates: Gates, interfaces: Collection[str] = ()
    ) -> None:
        sites = [site for site in find_sites(model, example_inputs, interfaces) if site.kind in gates.sites]
        if not sites:
            raise TargetImpossible(
                "no site of this model can be gated", where="gates.sites", allowed=", ".join(SiteKind)
            )
        self.layout = Layout.of(sites)
        self.size = size_model(model, self.layout, example_inputs)
        self.budget = budget(gates.target, self.size, self.layout.units)
        self.gates = gates
        self.importance = torch.zeros(self.layout.units)
        self.method: methods.Method | None = None
        self._observed = torch.ones(self.layout.units, requires_grad=True)
        self._kept: Tensor | None = None
        self._gating = Gating(model, self.layout, self._values)

    def begin(self, steps: int) -> None:
        """Start learning which units to keep, over `steps` steps."""
        plugin = methods.plugin(self.gates.method)
        self.method = plugin.create(
            self.importance, self.budget.expected_fraction, self.budget.fraction, steps, self.gates.lr, self.gates.ramp
        )

    def penalty(self) -> Tensor:
        """What the training loss adds for the gates: a scalar; zero during the warm-up."""
        return self.method.penalty() if self.method is not None else torch.zeros(())

    def step(self) -> None:
        """After a backward pass: learn from the gates' gradients.

        During the warm-up that means to remember the squared gradient of the loss by each gate, the empirical Fisher
        information of a unit, as a moving average.
        """
        if self.method is not None:
            self.method.step()
        elif self._observed.grad is not None:
            self.importance.lerp_(self._observed.grad.square(), 1 - IMPORTANCE_MEMORY)
            self._observed.grad = None

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on: importance, and the method's state once it has begun."""
        learned = self.method.state_dict() if self.method is not None else {}
        return {"importance": self.importance.clone(), **{f"method.{name}": value for name, value in learned.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state; call `begin` first when gates had begun."""
        self.importance.copy_(state["importance"])
        if self.method is not None:
            prefix = "method."
            learned = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            self.method.load_state_dict(learned)

    @property
    def expected_active_fraction(self) -> float:
        """Expected open units over all units."""
        if self.method is None:
            return 1.0
        return float(self.size.units(self.method.open_probability())) / self.layout.units

    def choose(self, multiple: Mapping[SiteKind, int]) -> Tensor:
        """Decide which units stay, in multiples per kind, within the target: bool (units,)."""
        assert self.method is not None
        return select(self.layout, self.method.scores(), self._widths(multiple), self.budget.count, self.budget.limit)

    def require_reachable(self, multiple: Mapping[SiteKind, int]) -> None:
        """Raise TargetImpossible, before anything is learned, when no widths in these multiples meet the target."""
        require_reachable(self.layout, self._widths(multiple), self.budget.count, self.budget.limit)

    def harden(self, kept: Tensor) -> Tensor:
        """From now on use these units only, each with its deployed gate (at least 1/2, where a gate opens).

        Returns the gate values (units,); closed ones are 0.
        """
        assert self.method is not None
        self._kept = self.method.values(training=False).clamp_min(0.5) * kept
        return self._kept

    def close(self) -> None:
        """Take the gates off the model."""
        self._gating.remove()

    def _widths(self, multiple: Mapping[SiteKind, int]) -> Widths:
        least = dict.fromkeys(SiteKind, self.gates.min_units) | {SiteKind.EXPERTS: 1, SiteKind.HEADS: 1}
        return Widths(multiple, least)

    def _values(self, training: bool) -> Tensor:
        if self._kept is not None:
            return self._kept
        if self.method is not None:
            return self.method.values(training)
        return self._observed if training else self._observed.detach()
