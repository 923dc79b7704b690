"""A made-up device on which a cut takes as long as its multiply-accumulates say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from l0gm_edge.core.recipe import Measure
from l0gm_edge.measure.comparing import Comparison
from l0gm_edge.pipeline.timing import FLOOR, Bench, name


def comparing(dense_ms: float, fixed: float, timed: list[int]) -> Callable[..., Comparison]:
    """What takes the place of `Bench.compare`; `fixed` of the dense latency is the same for every cut, and `timed` gets
    how many cuts each call asks for."""

    def compare(self: Bench, _: str, kept: Sequence[Tensor], settings: Measure, *, floor: bool = False) -> Comparison:
        timed.append(len(kept))
        macs, units = self.subject.size.macs, self.subject.layout.units
        dense = float(macs(torch.ones(units)))
        ratios = {name(one): ((fixed + (1 - fixed) * float(macs(one.double())) / dense,),) for one in kept}
        return Comparison(ratios | ({FLOOR: ((fixed,),)} if floor else {}), (((1.0,),),), ((round(dense_ms * 1e6),),))

    return compare
