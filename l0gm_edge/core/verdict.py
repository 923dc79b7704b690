"""The verdict: what one check says of one artifact, or of the run."""

from __future__ import annotations

from enum import StrEnum

from l0gm_edge.core.value import Value


class Status(StrEnum):
    """A check's answer. What was not measured is inconclusive, never a pass."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class Verdict(Value):
    """One check's answer; `artifact` is null when it speaks of the run. `evidence` holds the digests it rests on."""

    check: str
    artifact: str | None
    status: Status
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    interval: tuple[float, float] | None = None
    reason: str
    evidence: tuple[str, ...] = ()
