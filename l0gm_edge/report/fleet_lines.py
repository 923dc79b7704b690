"""A fleet as lines of a table: a device and what it was asked about, how that ended, and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from l0gm_edge.core.aggregates import ONLY
from l0gm_edge.core.comparison import Comparison, Pair
from l0gm_edge.core.fleet import Fleet, Member
from l0gm_edge.core.profiled import AggregateProfile, ModelProfile
from l0gm_edge.core.report import ArtifactRow, Report
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.report import comparison, wording

OUTCOMES = {
    0: (Status.PASS, "did it"),
    1: (Status.FAIL, "FAIL"),
    3: (Status.INCONCLUSIVE, "INCONCLUSIVE"),
}
UNMEASURED = (Status.INCONCLUSIVE, "not measured")


@dataclass(frozen=True)
class Line:
    """One row; `happened` is how it ended in a word or two, `why` what was wrong. `reused`: an earlier call did it."""

    hardware: str
    subject: str
    status: Status
    happened: str
    why: str
    figures: tuple[str, ...]
    processor: str = ""
    time: str = ""
    reused: bool = False


def columns(found: Fleet) -> tuple[str, ...]:
    """What the figures of a line are."""
    if any(one.comparison for one in found.members):
        return ("latency, candidate to baseline", "baseline", "candidate")
    if any(one.report for one in found.members):
        return ("p50", "p90", "load", "peak memory", "accuracy")
    return ("p50", "p90", "first load", "peak memory")


def lines(found: Fleet) -> tuple[Line, ...]:
    """What became of each device: a line a model, a pair of a comparison, or a file that a run ships."""
    width = len(columns(found))
    return tuple(line for one in found.members for line in _lines(one, width))


def unpassed(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts that did not pass."""
    return [one for one in verdicts if one.status is not Status.PASS]


def _lines(one: Member, width: int) -> list[Line]:
    if one.profile is not None:
        return [_of_profile(one, one.profile)]
    if one.aggregates is not None:
        return [_of_aggregates(one, one.aggregates)]
    if one.comparison is not None:
        return [_of_pair(one, one.comparison, pair) for pair in one.comparison.pairs]
    shipped = [row for row in one.report.artifacts if row.chosen] if one.report is not None else []
    if one.report is not None and shipped:
        return [_of_artifact(one, one.report, row) for row in shipped]
    status, word = _ended(one)
    why = one.said or _reasons(one.verdicts)
    return [Line(one.hardware, one.subject, status, word, why, ("",) * width, reused=one.reused)]


def _ended(one: Member) -> tuple[Status, str]:
    """How it ended, in a word or two; where nothing was judged, it is no PASS."""
    status, word = OUTCOMES.get(one.exit_status, UNMEASURED)
    return status, "PASS" if one.verdicts and one.exit_status == 0 else word


def _of_profile(one: Member, found: ModelProfile) -> Line:
    status, word = _ended(one)
    figures = {known.q: known.value_ns for known in found.percentiles}
    return Line(
        hardware=one.hardware,
        subject=one.subject,
        status=status,
        happened=word,
        why="; ".join(filter(None, [_reasons(one.verdicts), *found.warnings])),
        figures=(
            *(wording.milliseconds(_ms(figures.get(q))) for q in (50, 90)),
            wording.milliseconds(_ms(found.load_ns[0] if found.load_ns else None)),
            wording.size(found.peak_memory_bytes),
        ),
        processor=found.before.machine.get("processor", ""),
        time=found.before.conditions.time,
        reused=one.reused,
    )


def _of_aggregates(one: Member, found: AggregateProfile) -> Line:
    """No percentile of its own stands in the table: the runner's aggregates are told in words."""
    status, word = _ended(one)
    told = f"{ONLY}: {'; '.join(str(process) for process in found.processes)}"
    return Line(
        hardware=one.hardware,
        subject=one.subject,
        status=status,
        happened=word,
        why="; ".join(filter(None, [told, _reasons(one.verdicts), *found.warnings])),
        figures=(
            *(wording.milliseconds(None),) * 2,
            wording.milliseconds(found.load_ns[0] / 1e6),
            wording.size(found.peak_memory_bytes),
        ),
        processor=found.before.machine.get("processor", ""),
        time=found.before.conditions.time,
        reused=one.reused,
    )


def _of_pair(one: Member, found: Comparison, pair: Pair) -> Line:
    row = next((row for row in comparison.rows(pair) if row[0] == comparison.TITLES["latency"]), [""] * 5)
    return Line(
        hardware=one.hardware,
        subject=one.subject if len(found.pairs) == 1 else f"{one.subject}, {pair.candidate.runtime}",
        status=pair.status,
        happened=pair.status,
        why="; ".join(verdict.reason for verdict in comparison.open_ones(pair)),
        figures=(row[3], row[1], row[2]),
        processor=pair.sessions[-1].machine.get("processor", ""),
        time=pair.sessions[-1].before.time,
        reused=one.reused,
    )


def _of_artifact(one: Member, report: Report, row: ArtifactRow) -> Line:
    """What a run ships for a runtime; its report says nothing of when."""
    status, word = _ended(one)
    return Line(
        hardware=one.hardware,
        subject=row.runtime,
        status=status,
        happened=f"{word}, {row.scheme}",
        why=_reasons(one.verdicts),
        figures=(
            wording.milliseconds(row.p50_ms),
            wording.milliseconds(row.p90_ms),
            wording.milliseconds(row.load_ms),
            wording.size(row.peak_memory_bytes),
            wording.percent(row.accuracy),
        ),
        processor=report.environment.get("processor", "") if report.hardware.transport.kind == "local" else "",
    )


def _reasons(verdicts: Sequence[Verdict]) -> str:
    return "; ".join(f"{verdict.check}: {verdict.reason}" for verdict in unpassed(verdicts))


def _ms(ns: float | None) -> float | None:
    return None if ns is None else ns / 1e6
