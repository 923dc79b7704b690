"""What the whole run says, in words: pass, fail or inconclusive, and exactly what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass

from l0gm_edge.core.report import Report
from l0gm_edge.core.verdict import Status, Verdict, run_status
from l0gm_edge.report.lineup import by_runtime, chosen


@dataclass(frozen=True)
class Outcome:
    """The run's status, one sentence, and the run-level verdicts that keep it from passing, failures first."""

    status: Status
    sentence: str
    obstacles: tuple[Verdict, ...]


def outcome(report: Report) -> Outcome:
    """The run's outcome: what its run-level verdicts say together, and never a pass when `passed` is false."""
    status = run_status(report.verdicts)
    ours = [verdict for verdict in report.verdicts if verdict.artifact is None]
    failed = tuple(verdict for verdict in ours if verdict.status is Status.FAIL)
    undecided = tuple(verdict for verdict in ours if verdict.status is Status.INCONCLUSIVE)
    if failed:
        return Outcome(status, f"{_checks(len(failed), 'keeps', 'keep')} this run from passing.", failed + undecided)
    if undecided:
        sentence = f"Nothing failed, but {_checks(len(undecided), 'leaves', 'leave').lower()} this run undecided."
        return Outcome(status, sentence, undecided)
    if not ours:
        return Outcome(status, "No check of the run was made, and what was not checked has not passed.", ())
    if not report.passed:
        return Outcome(Status.INCONCLUSIVE, "The run is not recorded as passed, although no verdict says why.", ())
    return Outcome(status, f"Every check of the run passed.{_shipped(report)}", ())


def blocks(report: Report, verdict: Verdict) -> bool:
    """Whether a FAIL of this verdict keeps the run from passing: that of the run itself does.

    That of an artifact does where its runtime is required and nothing else ships for it.
    """
    if verdict.artifact is None:
        return True
    stranded = [group for group in by_runtime(report) if group.required and not group.chosen]
    return any(verdict.artifact == entry.row.name for group in stranded for entry in group.candidates)


def _shipped(report: Report) -> str:
    names = [f"{entry.row.scheme} for {entry.row.runtime}" for entry in chosen(report)]
    return f" Ships {' and '.join(names)}." if names else ""


def _checks(count: int, one: str, many: str) -> str:
    return f"One check {one}" if count == 1 else f"{count} checks {many}"
