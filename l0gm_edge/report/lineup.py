"""Who stands beside whom: a report's artifacts by runtime, each with its dense twin, its verdicts and its standing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.report import ArtifactRow, Floor, Report
from l0gm_edge.core.verdict import Status, Verdict


class Standing(StrEnum):
    """What became of an artifact."""

    REFERENCE = "reference"
    CHOSEN = "chosen"
    PASSED = "passed"
    UNDECIDED = "inconclusive"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Entry:
    """One artifact, with the dense fp32 file of the same runtime (null when there is none)."""

    row: ArtifactRow
    dense: ArtifactRow | None
    verdicts: tuple[Verdict, ...]

    @property
    def standing(self) -> Standing:
        """Chosen, or what its verdicts say; the dense files are references and stand for comparison only."""
        if self.row.chosen:
            return Standing.CHOSEN
        if self.row.role is Role.DENSE:
            return Standing.REFERENCE
        statuses = {verdict.status for verdict in self.verdicts}
        if Status.FAIL in statuses:
            return Standing.REJECTED
        return Standing.PASSED if statuses == {Status.PASS} else Standing.UNDECIDED

    @property
    def is_dense_twin(self) -> bool:
        """Whether this is the file that the others of its runtime are compared with."""
        return self.row is self.dense

    @property
    def accuracy_difference(self) -> float | None:
        """Accuracy minus the dense twin's, in 0..1."""
        return None if self.dense is None else self.row.accuracy - self.dense.accuracy


@dataclass(frozen=True)
class RuntimeGroup:
    """The artifacts of one runtime, dense first, and the runtime's fixed part."""

    runtime: str
    required: bool
    entries: tuple[Entry, ...]
    floor: Floor | None

    @property
    def candidates(self) -> tuple[Entry, ...]:
        """The compressed artifacts, which could have been chosen."""
        return tuple(entry for entry in self.entries if entry.row.role is Role.COMPRESSED)

    @property
    def chosen(self) -> tuple[Entry, ...]:
        """The artifact that the bundle takes, or none."""
        return tuple(entry for entry in self.entries if entry.row.chosen)

    def above_floor(self, entry: Entry) -> tuple[float | None, float | None]:
        """Latency (p50) and bytes relative to the dense twin's, the runtime's fixed part taken off both."""
        if self.floor is None or entry.dense is None:
            return None, None
        return (
            _ratio_above(self.floor.p50_ms, entry.row.p50_ms, entry.dense.p50_ms),
            _ratio_above(self.floor.bytes, entry.row.bytes, entry.dense.bytes),
        )


def by_runtime(report: Report) -> tuple[RuntimeGroup, ...]:
    """Every runtime that the profile asks for or that has an artifact, in that order."""
    required = {runtime.name: runtime.required for runtime in report.hardware.runtimes}
    names = dict.fromkeys([*required, *(row.runtime for row in report.artifacts)])
    return tuple(_group(report, name, required.get(name, False)) for name in names)


def chosen(report: Report) -> tuple[Entry, ...]:
    """The chosen artifacts of all runtimes."""
    return tuple(entry for group in by_runtime(report) for entry in group.chosen)


def _ratio_above(floor: float | None, value: float | None, reference: float | None) -> float | None:
    if floor is None or value is None or reference is None or min(value, reference) <= floor:
        return None
    return (value - floor) / (reference - floor)


def _group(report: Report, runtime: str, required: bool) -> RuntimeGroup:
    rows = [row for row in report.artifacts if row.runtime == runtime and row.role is not Role.FLOOR]
    rows.sort(key=lambda row: row.role is not Role.DENSE)
    dense = next((row for row in rows if row.role is Role.DENSE and row.scheme == "fp32"), None)
    entries = tuple(
        Entry(row, dense, tuple(verdict for verdict in report.verdicts if verdict.artifact == row.name)) for row in rows
    )
    return RuntimeGroup(runtime, required, entries, next((f for f in report.floors if f.runtime == runtime), None))
