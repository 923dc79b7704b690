"""The verdict: what one check says of one artifact, or of the run."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from l0gm_edge.core.value import Value

MEASURED = "measured"
"""The check that says whether the device could run an artifact at all."""


class Status(StrEnum):
    """A check's answer. What was not measured is inconclusive, never a pass."""

    PASS = "PASS"  # noqa: S105
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


class Choice(Value):
    """Whether a compressed artifact goes into the bundle for its runtime, and why, in one sentence."""

    artifact: str
    runtime: str
    chosen: bool
    why: str


def worst(verdicts: Sequence[Verdict]) -> Status:
    """What verdicts say together: FAIL beats INCONCLUSIVE beats PASS; no verdict at all is INCONCLUSIVE."""
    found = {verdict.status for verdict in verdicts}
    if Status.FAIL in found:
        return Status.FAIL
    return Status.PASS if found == {Status.PASS} else Status.INCONCLUSIVE


def run_status(verdicts: Sequence[Verdict]) -> Status:
    """What the run-level verdicts say together; a rejected artifact does not fail a run."""
    return worst([verdict for verdict in verdicts if verdict.artifact is None])
