"""A latency model that can be written down: so much a layer, so much for every unit, and the runtime's own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Linear:
    """`each` ms for every open unit above `fixed_ms`."""

    units: int
    each: float = 0.01
    fixed_ms: float = 0.5
    p90_over_p50: float = 1.25

    @property
    def dense_ms(self) -> float:
        return float(self.predict(torch.ones(self.units)))

    def predict(self, gates: Tensor) -> Tensor:
        return self.fixed_ms + self.each * gates.to(torch.float64).sum()
