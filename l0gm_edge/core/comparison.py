"""A comparison of two compiled models on one device: what is compared, what was measured, what follows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveInt

from l0gm_edge.core.measurement import Block, Conditions, Nanoseconds
from l0gm_edge.core.value import Value
from l0gm_edge.core.verdict import Status, Verdict, worst


class Scores(Value):
    """What a run found of a model on the test split of its data, from its device's outputs; ECE after temperature."""

    data: str
    accuracy: float
    ece: float


class Contender(Value):
    """One side: a model file, where it came from, and its scores where a run made it."""

    name: str
    origin: str
    runtime: str
    sha256: str
    size_bytes: PositiveInt
    scores: Scores | None = None


class Side(Value):
    """One side's raw samples.

    `copies` are the blocks of each of several loads of the same file; those of one (process, round), of all copies and
    both sides, ran side by side. `load_ns` are first loads, and `peak_memory_bytes` those, of processes of their own.
    """

    runtime_version: str
    copies: tuple[tuple[Block, ...], ...]
    load_ns: tuple[Nanoseconds, ...]
    peak_memory_bytes: tuple[PositiveInt, ...]


class Session(Value):
    """Both sides timed together over some processes; `disturbed` says what makes it worth nothing, in sentences."""

    machine: dict[str, str]
    before: Conditions
    after: Conditions
    baseline: Side
    candidate: Side
    disturbed: tuple[str, ...] = ()


class OperatorChange(Value):
    """What an operator takes in either model, in shares of the baseline's profiled time; 0 where it is not there."""

    operator: str
    before: NonNegativeFloat
    after: NonNegativeFloat

    @property
    def growth(self) -> float:
        """How much more it takes, in the same shares."""
        return self.after - self.before


class Pair(Value):
    """Baseline and candidate on one runtime, every session they were timed in, and the verdicts.

    `operators` are there when they were profiled: when latency failed, or somebody asked.
    """

    baseline: Contender
    candidate: Contender
    sessions: Annotated[tuple[Session, ...], Field(min_length=1)]
    verdicts: tuple[Verdict, ...]
    operators: tuple[OperatorChange, ...] = ()

    @property
    def status(self) -> Status:
        """What the verdicts say together."""
        return worst(self.verdicts)

    def verdict(self, check: str) -> Verdict | None:
        """The verdict of one check, where it was made."""
        return next((one for one in self.verdicts if one.check == check), None)


class Comparison(Value):
    """Every pair of two models or bundles on one device; `notes` tell what was not compared, and why."""

    hardware: str
    baseline: str
    candidate: str
    pairs: Annotated[tuple[Pair, ...], Field(min_length=1)]
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """What all verdicts say together."""
        return worst([verdict for pair in self.pairs for verdict in pair.verdicts])
