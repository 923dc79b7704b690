"""The prune plan: which units of each site stay. Plain JSON, replayed on the base architecture."""

from __future__ import annotations

from math import isnan, nan
from typing import Literal

from l0gm_edge.core.recipe import SiteKind, Target
from l0gm_edge.core.value import Value


class Slice(Value):
    """The positions kept on one axis of one module; `width` is the axis' length before the cut.

    A digit is a dimension of a bare parameter, and `module` then is its path.
    """

    module: str
    axis: Literal["in", "out", "units", "0", "1", "2", "3"]
    width: int
    keep: tuple[int, ...]


class Setting(Value):
    """An integer that a module's code computes with, as it must be after the cut; dotted inside a configuration."""

    module: str
    name: str
    value: int


class Dropped(Value):
    """A residual block that goes as a whole; it gave a tuple of `outputs` values, or a plain tensor where that is 0."""

    module: str
    outputs: int


class Surgery(Value):
    """Everything that is done to a model: slices, integers set, and residual blocks dropped."""

    slices: tuple[Slice, ...]
    settings: tuple[Setting, ...] = ()
    dropped: tuple[Dropped, ...] = ()


class SiteCut(Value):
    """One site: the units kept of `width`, and each unit's gate value at the cut (0 = closed)."""

    site: str
    kind: SiteKind
    width: int
    keep: tuple[int, ...]
    gate: tuple[float, ...]
    open_probability: tuple[float, ...]


class ExpertCut(Value):
    """One layer of experts, after the cut of everything else: one expert stays for each group, in the place of all its
    members; experts in no group are gone.

    Groups count the experts that were left until then; `numbers` are what these were called before any cut. `scores`
    are those by which they were chosen, empty where there are none; `rows` were looked at.
    """

    module: str
    numbers: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    by: str
    scores: tuple[float, ...]
    rows: int

    @property
    def kept(self) -> tuple[tuple[int, ...], ...]:
        """The groups, by the numbers that their members had before any cut."""
        return tuple(tuple(self.numbers[expert] for expert in group) for group in self.groups)


class Sized(Value):
    """One runtime's latency, as a percentile in ms: what was asked for, what the cost model said of the widths chosen,
    and what their compiled file took when they were chosen."""

    runtime: str
    scheme: str
    percentile: Literal[50, 90]
    requested_ms: float
    predicted_ms: float
    measured_ms: float


class PrunePlan(Surgery):
    """What to cut from the base architecture, and what that leaves; `latency` where the target is one.

    Units are those of the gates. `experts` goes after all else; what it leaves is counted in parameters and MACs.
    """

    base_sha256: str
    target: Target
    units_requested: int | None
    units_before: int
    units_after: int
    expected_active_fraction: float
    parameters_before: int
    parameters_after: int
    macs_before: int
    macs_after: int
    sites: tuple[SiteCut, ...]
    experts: tuple[ExpertCut, ...] = ()
    latency: tuple[Sized, ...] = ()

    @property
    def active_fraction(self) -> float:
        """Units kept over units there were, counted after the cut."""
        return self.units_after / self.units_before


class Exactness(Value):
    """How far the cut model's outputs are from the gated model's, relative to the output scale."""

    random_inputs: float
    real_inputs: float
    samples: int
    tolerance: float

    @property
    def worst(self) -> float:
        """The larger of the two differences; NaN when one of them is."""
        unknown = isnan(self.random_inputs) or isnan(self.real_inputs)
        return nan if unknown else max(self.random_inputs, self.real_inputs)
