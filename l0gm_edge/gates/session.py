"""Gates at work on one model: warm-up that measures importance, gates that learn, a choice that is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import Gates, SiteKind
from l0gm_edge.core.site import Skipped
from l0gm_edge.gates import methods
from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.compaction import compact, skeleton
from l0gm_edge.gates.groups import survey
from l0gm_edge.gates.inputs import Example, Inputs
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.problem import pose
from l0gm_edge.gates.select import select
from l0gm_edge.gates.size import size_model
from l0gm_edge.gates.target import LatencyModel, budget

IMPORTANCE_MEMORY = 0.95
MOST_TOLD = 5
"""Layers that an error tells of."""


class Session:
    """The gates of one model. Until `begin`, gates are 1 and `step` gathers how much the loss minds each unit.

    Widths come in `multiple` of units, per kind of site; `latency` is needed for a target in milliseconds. The model
    may be cut while it learns: `layout` is what is left of `base_layout`, and vectors (units,) are of the former until
    `original` makes them vectors of the latter; `base_model` is the model before that, then without values.

    Raises ExportFailed when the model does not run on the example inputs, and TargetImpossible when no cut of it meets
    the target; the model is then left as it was.
    """

    def __init__(
        self,
        model: nn.Module,
        example_inputs: Example | Inputs,
        gates: Gates,
        multiple: Mapping[SiteKind, int],
        interfaces: Collection[str] = (),
        latency: LatencyModel | None = None,
    ) -> None:
        found = survey(model, example_inputs, interfaces)
        sites = [site for site in found.sites if site.kind in gates.sites]
        unasked = (site for site in found.sites if site.kind not in gates.sites)
        self.skipped = (
            *found.skipped,
            *(Skipped(site.name, site.width, f"{site.kind} is not among gates.sites") for site in unasked),
        )
        if not sites:
            told = "".join(
                f"\n{one.module or 'the model'} ({one.width}): {one.reason}" for one in self.skipped[:MOST_TOLD]
            )
            raise TargetImpossible(
                f"no site of this model can be gated{told}", where="gates.sites", allowed=", ".join(SiteKind)
            )
        self.model = self.base_model = model
        self.gates = gates
        self.layout = self.base_layout = Layout.of(sites)
        self.size = size_model(model, self.layout, example_inputs)
        self.budget = budget(gates.target, self.size, self.layout.units, latency)
        self._whole = self._problem = pose(self.layout, gates, multiple, self.budget)
        self.importance = torch.zeros(self.layout.units)
        self.method: methods.Method | None = None
        self._index = torch.arange(self.layout.units)
        self._always = torch.zeros(self.layout.units)
        self._observed = torch.ones(self.layout.units, requires_grad=True)
        self._kept: Tensor | None = None
        self._gating = Gating(model, self.layout, self._values)

    def begin(self, steps: int) -> None:
        """Start learning which units to keep, over `steps` steps."""
        self.method = methods.plugin(self.gates.method).create(self._problem, self.importance, steps, self.gates)
        self._steps = steps

    def penalty(self) -> Tensor:
        """What the training loss adds for the gates: a scalar; zero during the warm-up."""
        if self.method is None:
            return torch.zeros((), device=self._device)
        return self.method.penalty().to(self._device)

    def step(self, optimizer: Optimizer | None = None, loss_scale: float = 1.0) -> None:
        """After the optimiser's step: learn from the gates' gradients, gathered over any number of backward passes.

        During the warm-up that means to remember the squared gradient of the loss by each gate, the empirical Fisher
        information of a unit, as a moving average. Given the optimiser of the model's weights, the model is cut
        physically where the method has closed units for good. `loss_scale` is what the loss was multiplied by before
        `backward` (`scaler.get_scale()` under a gradient scaler).
        """
        if self.method is None:
            self._observe(loss_scale)
            return
        self.method.step(loss_scale)
        if optimizer is not None and (spared := self.method.spared()) is not None:
            self._compact(spared, optimizer)

    def compact(self, optimizer: Optimizer | None = None, slack: float | None = None) -> None:
        """Cut the model in place, now, to what a budget `slack` (by default `gates.slack`) times as large would keep.

        The optimiser's parameters become those of the smaller model, and keep their state.
        """
        limit = (self.gates.slack if slack is None else slack) * self.budget.limit
        self._compact(select(self._problem, self.scores(), limit), optimizer)

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on: what is left, importance, and the method's state once it has begun."""
        state = {"left": self.original(torch.ones(self.layout.units)).to(torch.uint8)}
        state["importance"] = self.importance.clone()
        if self.method is not None:
            learned = {f"method.{name}": value for name, value in self.method.state_dict().items()}
            state |= {"steps": torch.tensor(self._steps), **learned}
        return state

    def load_state_dict(self, state: Mapping[str, Tensor], optimizer: Optimizer | None = None) -> None:
        """Go on from a state of a session on the same model, which is cut in place as that one was.

        Load the weights, and the optimiser's state, after this.
        """
        self._compact(state["left"].bool()[self._index], optimizer)
        self.importance.copy_(state["importance"])
        if "steps" in state:
            self.begin(int(state["steps"]))
            assert self.method is not None
            prefix = "method."
            learned = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            self.method.load_state_dict(learned)

    @property
    def expected_active_fraction(self) -> float:
        """Expected open units over all units that there were."""
        if self.method is None:
            return 1.0
        return float(self.size.units(self.original(self.method.open_probability()))) / self.base_layout.units

    def original(self, values: Tensor) -> Tensor:
        """A vector of the units that are left as one of all that there were: 0 for those that are gone."""
        return self._always.to(values.dtype).scatter(0, self._index, values)

    def scores(self) -> Tensor:
        """How much the loss minds each unit's going, as far as is known: (units,)."""
        return self.importance.sqrt() if self.method is None else self.method.scores()

    def choose(self, limit: float | None = None) -> Tensor:
        """Decide which units stay, within the target or another limit of its kind: bool (units,)."""
        settled = self.method.settled() if self.method is not None and limit is None else None
        return select(self._problem, self.scores(), limit) if settled is None else settled

    def harden(self, kept: Tensor) -> Tensor:
        """From now on use these units only, each with its deployed gate: at least 1/2, where a gate opens, and 1 where
        it cannot be folded into weights.

        Returns the gate values (units,); closed ones are 0.
        """
        values = torch.ones(self.layout.units) if self.method is None else self.method.values(training=False)
        values = torch.where(self.layout.hard, torch.ones_like(values), values.clamp_min(0.5))
        self._kept = values * kept
        return self._kept

    def close(self) -> None:
        """Take the gates off the model."""
        self._gating.remove()

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _observe(self, loss_scale: float) -> None:
        gradient, self._observed.grad = self._observed.grad, None
        if gradient is not None and bool(torch.isfinite(gradient).all()):
            self.importance.lerp_((gradient / loss_scale).square(), 1 - IMPORTANCE_MEMORY)

    def _compact(self, kept: Tensor, optimizer: Optimizer | None) -> None:
        if bool(kept.all()):
            return
        self._gating.remove()
        if self.base_model is self.model:
            self.base_model = skeleton(self.model)
        before = self.layout
        self.layout = compact(self.model, before, kept, optimizer)
        gated = {site.name for site in self.layout.sites}
        stays = torch.cat([kept[before.span(site)] & (site.name in gated) for site in before.sites])
        self._always = self._always.scatter(0, self._index, (kept & ~stays).to(self._always.dtype))
        index = torch.nonzero(stays).flatten()
        self._index = self._index[index]
        self._problem = self._whole.within(self.layout, self._always, self._index)
        self.importance = self.importance[index]
        self._observed = torch.ones(self.layout.units, requires_grad=True)
        if self.method is not None:
            self.method.compact(self._problem, index)
        self._gating = Gating(self.model, self.layout, self._values)

    def _values(self, training: bool) -> Tensor:
        if self._kept is not None:
            gates = self._kept
        elif self.method is not None:
            gates = self.method.values(training)
        else:
            gates = self._observed if training else self._observed.detach()
        return gates.to(self._device)
