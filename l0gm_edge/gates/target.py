"""A target as methods and the final choice see it: a cost of any vector of gates, and a limit never to exceed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import torch
from torch import Tensor

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import Target
from l0gm_edge.gates.size import SizeModel

Measure = Callable[[Tensor], Tensor]
"""Cost of gates (units,), a float64 scalar, differentiable: of whole ones, or expected from probabilities."""


class LatencyModel(Protocol):
    """Latency of one inference on a device's runtime, as a function of which units are open."""

    @property
    def fixed_ms(self) -> float:
        """The runtime's own, spent whatever the model."""

    @property
    def dense_ms(self) -> float:
        """Median of the dense model."""

    @property
    def p90_over_p50(self) -> float:
        """How much longer than the median nine in ten inferences take at most."""

    def predict(self, gates: Tensor) -> Tensor:
        """Median latency in ms, a scalar, differentiable in the gates (units,), float64."""


class Unit(StrEnum):
    """What a budget counts."""

    UNITS = "units"
    PARAMETERS = "parameters"
    MACS = "MACs"
    MS = "ms"


@dataclass(frozen=True)
class Budget:
    """At most `limit` of what `measure` says of the gates; the whole model comes to `total`.

    `fixed` is what no gate can save and no fraction counts. `tail` says how the person's figure follows from ours: a
    90th percentile from the median.
    """

    measure: Measure
    unit: Unit
    limit: float
    total: float
    fixed: float = 0.0
    tail: float = 1.0

    @property
    def fraction(self) -> float:
        """The limit as a fraction of the full model, above what is fixed."""
        return (self.limit - self.fixed) / (self.total - self.fixed)

    @property
    def counts_units(self) -> bool:
        """Whether it is a number of units."""
        return self.unit is Unit.UNITS

    def expected_fraction(self, open_probability: Tensor) -> Tensor:
        """Expected cost as a fraction of the full model, above what is fixed; differentiable."""
        return (self.measure(open_probability) - self.fixed) / (self.total - self.fixed)

    def count(self, gates: Tensor) -> float:
        """The cost of a 0/1 vector (units,); a whole number unless in ms."""
        cost = float(self.measure(gates))
        return cost if self.unit is Unit.MS else round(cost)

    def prices(self, gates: Tensor) -> tuple[float, Tensor]:
        """The cost of these gates, and what each unit adds to it at the margin: float64 (units,)."""
        with torch.enable_grad():
            leaf = gates.detach().to(torch.float64).requires_grad_()
            cost = self.measure(leaf)
            (price,) = torch.autograd.grad(cost, leaf)
        return float(cost.detach()), price

    def told(self, cost: float) -> str:
        """A cost in words, as the person asked for it."""
        return f"{cost * self.tail:.4g} ms" if self.unit is Unit.MS else f"{cost:,.0f} {self.unit}"

    def within(self, base: Tensor, index: Tensor) -> Budget:
        """The same budget for a model of which only the units `index` can still be chosen; `base` holds the others."""
        base = base.to(torch.float64)
        return replace(self, measure=lambda gates: self.measure(base.scatter(0, index, gates.to(torch.float64))))


def budget(target: Target, size: SizeModel, units: int, latency: LatencyModel | None = None) -> Budget:
    """What a target asks of a model.

    Raises TargetImpossible when it asks for more than the model has, or for a latency that nothing can predict.
    """
    if target.asks_for_latency:
        return _latency_budget(target, latency)
    match target:
        case Target(units=int()) | Target(active_fraction=float()):
            unit, measure, asked, fraction = Unit.UNITS, size.units, target.units, target.active_fraction
        case Target(parameters=int()) | Target(parameter_fraction=float()):
            unit, measure = Unit.PARAMETERS, size.parameters
            asked, fraction = target.parameters, target.parameter_fraction
        case _:
            unit, measure, asked, fraction = Unit.MACS, size.macs, target.macs, target.mac_fraction
    total = round(float(measure(torch.ones(units))))
    if asked is not None and asked > total:
        raise TargetImpossible(
            f"gates.target asks for {asked:,} {unit}, but the whole model has {total:,}",
            where="gates.target",
            allowed=f"at most {total:,}",
        )
    limit = asked if asked is not None else _share(fraction, total, unit)
    return Budget(measure, unit, limit, total)


def _share(fraction: float | None, total: int, unit: Unit) -> int:
    assert fraction is not None
    return round(fraction * total) if unit is Unit.UNITS else int(fraction * total)


def _latency_budget(target: Target, latency: LatencyModel | None) -> Budget:
    """A budget in milliseconds of the median. A model that meets it as it is keeps everything."""
    if latency is None:
        raise TargetImpossible(
            "a target in milliseconds needs a latency table of this model on the device",
            where="gates.target",
            todo="measure one with `l0gm-edge hardware tabulate`, or ask for parameters, macs, or a fraction of them",
        )
    dense, fixed = latency.dense_ms, latency.fixed_ms
    tail = latency.p90_over_p50 if target.p90_ms is not None else 1.0
    if target.latency_fraction is not None:
        limit = fixed + target.latency_fraction * (dense - fixed)
    else:
        asked = target.p50_ms if target.p50_ms is not None else target.p90_ms
        assert asked is not None
        limit = asked / tail
    return Budget(latency.predict, Unit.MS, min(limit, dense), dense, fixed, tail)
