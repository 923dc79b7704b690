"""A target as the controller sees it: a cost to expect, and a count never to exceed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from l0gm_edge.core.errors import TargetImpossible
from l0gm_edge.core.recipe import Target
from l0gm_edge.gates.size import SizeModel


@dataclass(frozen=True)
class Budget:
    """`limit` units or parameters out of `total`; counted after the cut, the limit is never exceeded."""

    size: SizeModel
    counts_units: bool
    limit: int
    total: int

    @property
    def fraction(self) -> float:
        """The limit as a fraction of the full model."""
        return self.limit / self.total

    def cost(self, gates: Tensor) -> Tensor:
        """Units or parameters of these gates."""
        return self.size.units(gates) if self.counts_units else self.size.parameters(gates)

    def expected_fraction(self, open_probability: Tensor) -> Tensor:
        """Expected cost as a fraction of the full model; differentiable."""
        return self.cost(open_probability) / self.total

    def count(self, gates: Tensor) -> float:
        """The counted cost of a 0/1 vector."""
        return round(float(self.cost(gates)))


def budget(target: Target, size: SizeModel, units: int) -> Budget:
    """What a target asks of a model. Raises TargetImpossible when it asks for more than the model has."""
    everything = torch.ones(units)
    parameters = round(float(size.parameters(everything)))
    if target.active_fraction is not None:
        return Budget(size, limit=round(target.active_fraction * units), total=units, counts_units=True)
    if target.parameter_fraction is not None:
        return Budget(size, limit=int(target.parameter_fraction * parameters), total=parameters, counts_units=False)
    assert target.parameters is not None
    if target.parameters > parameters:
        raise TargetImpossible(
            f"gates.target.parameters asks for {target.parameters:,}, but the whole model has {parameters:,}",
            where="gates.target",
            allowed=f"at most {parameters:,}",
        )
    return Budget(size, limit=target.parameters, total=parameters, counts_units=False)
