"""One model on many devices: what became of it on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from l0gm_edge.core.comparison import Comparison
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.profiled import AggregateProfile, ModelProfile
from l0gm_edge.core.report import Report
from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value
from l0gm_edge.core.verdict import Verdict

SEVERITY = (0, 3, 4, 2, 1)
"""Exit statuses from the best to the worst. A model that fails on one device fails, whatever the others would say."""
INTERRUPTED = 130


@dataclass(frozen=True)
class Device:
    """A profile, and how it was named."""

    named: str
    hardware: HardwareProfile


class Member(Value):
    """What one command on one device ended with: its exit status, and what it found, or what it said instead.

    `subject` is the artifact, or the pair, that it was about; `reused` says that it was measured by an earlier call.
    """

    hardware: str
    title: str
    subject: str
    exit_status: int
    said: Told = ""
    reused: bool = False
    profile: ModelProfile | None = None
    aggregates: AggregateProfile | None = None
    comparison: Comparison | None = None
    report: Report | None = None
    verdicts: tuple[Verdict, ...] = ()


class Fleet(Value):
    """Everything that was found, device after device."""

    subject: str
    members: Annotated[tuple[Member, ...], Field(min_length=1)]

    @property
    def exit_status(self) -> int:
        """The worst of the members'."""
        return worst_status([one.exit_status for one in self.members])


def worst_status(statuses: list[int]) -> int:
    """The worst of exit statuses; one that stands nowhere, such as that of an interruption, is worse than all."""
    return max(statuses, key=lambda one: SEVERITY.index(one) if one in SEVERITY else len(SEVERITY), default=0)
