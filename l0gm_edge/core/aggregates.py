"""What a native runner says of many runs at once. There is no single run in it, and so nothing that needs samples."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value

Figure = Annotated[float, Field(ge=0, allow_inf_nan=False)]
ROUNDING = 1e-4
"""Means are printed with six digits."""
ONLY = "a native runner gives aggregates alone"


class Aggregates(Value):
    """One process: latencies of `runs` inferences after `warmup_runs` others, of which the first took `cold_ns`.

    Percentiles are null where the runner prints none, memory where it was not asked for or not told.
    `memory_growth_bytes` is what the process grew by since it began, `peak_memory_bytes` all of it; `init_ns` is the
    time until the model could be run. `ignored` are options that the runner did not know.
    """

    runs: PositiveInt
    first_ns: NonNegativeInt
    min_ns: NonNegativeInt
    max_ns: NonNegativeInt
    mean_ns: Figure
    deviation_ns: Figure
    p5_ns: NonNegativeInt | None = None
    median_ns: NonNegativeInt | None = None
    p95_ns: NonNegativeInt | None = None
    warmup_runs: PositiveInt
    cold_ns: NonNegativeInt
    init_ns: PositiveInt
    memory_growth_bytes: NonNegativeInt | None = None
    peak_memory_bytes: PositiveInt | None = None
    ignored: tuple[Told, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        told = (self.p5_ns, self.median_ns, self.p95_ns)
        ranks = [self.min_ns, *(one for one in told if one is not None), self.max_ns]
        if any(lower > upper for lower, upper in pairwise(ranks)):
            raise ValueError("least, percentiles and most are not in their order")
        if not self.min_ns <= self.first_ns <= self.max_ns:
            raise ValueError("the first run is none of those between the least and the most")
        if not self.min_ns * (1 - ROUNDING) <= self.mean_ns <= self.max_ns * (1 + ROUNDING):
            raise ValueError("the mean does not lie between the least and the most")
        return self

    def __str__(self) -> str:
        """The latency in a few words."""
        known = (("median", self.median_ns), ("p95", self.p95_ns))
        told = "".join(f", {name} {value / 1e6:.4g}" for name, value in known if value is not None)
        return f"mean {self.mean_ns / 1e6:.4g}{told} ms over {self.runs:,} runs"
