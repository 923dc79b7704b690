"""The page of a fleet: one model on many devices, what became of each, their latencies side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from l0gm_edge.core.fleet import Fleet, Member
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.report import comparison_page, distribution, profile_page, ratios, wording
from l0gm_edge.report.bars import Bar
from l0gm_edge.report.fleet_lines import OUTCOMES, UNMEASURED, columns, lines, unpassed
from l0gm_edge.report.pages import template

SENTENCES = {
    0: "Every device did what was asked.",
    1: "On at least one device a verdict failed.",
    3: "Nothing failed, but not everything could be told.",
}
INCOMPLETE = "Not every device could be measured; what the others gave is kept, and a further call asks the rest alone."


@dataclass(frozen=True)
class Group:
    """One model, device after device, the fastest first."""

    subject: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Detail:
    """What one device found, as its own page shows it: a profile, a comparison, or the way to the `page` of a run."""

    title: str
    status: Status
    profile: profile_page.View | None
    comparison: comparison_page.View | None
    page: str


def render(found: Fleet) -> str:
    """The page as text."""
    worst, told = found.exit_status, lines(found)
    return template("fleet.html").render(
        found=found,
        name=PurePosixPath(found.subject.partition(" against ")[0].rpartition(":")[2]).name or found.subject,
        status=OUTCOMES.get(worst, UNMEASURED)[0],
        sentence=SENTENCES.get(worst, INCOMPLETE),
        obstacles=_obstacles(found),
        columns=columns(found),
        subjects=[
            (subject, [line for line in told if line.subject == subject])
            for subject in dict.fromkeys(line.subject for line in told)
        ],
        devices=len({one.hardware for one in found.members}),
        charts_of_pairs=_charts(found),
        groups=_groups(found),
        details=[_detail(one) for one in found.members if _told(one)],
        charts=distribution,
        ratios=ratios,
    )


def _groups(found: Fleet) -> tuple[Group, ...]:
    """Of each model, the p50 of every device that told it; alone there is nothing to compare."""
    held: dict[str, list[tuple[float, str]]] = {}
    for one in found.members:
        for subject, label, p50_ms in _p50s(one):
            held.setdefault(subject, []).append((p50_ms, label))
    return tuple(Group(subject, _bars(told)) for subject, told in held.items() if len(told) > 1)


def _p50s(one: Member) -> Iterator[tuple[str, str, float]]:
    """What was timed on a device, how its bar is called, and its p50 in milliseconds."""
    for known in one.profile.percentiles if one.profile else ():
        if known.q == 50 and known.value_ns is not None:
            yield one.subject, one.hardware, known.value_ns / 1e6
    for row in one.report.artifacts if one.report else ():
        if row.chosen and row.p50_ms is not None:
            yield row.runtime, f"{one.hardware}, {row.scheme}", row.p50_ms


def _bars(told: Sequence[tuple[float, str]]) -> tuple[Bar, ...]:
    ranked = sorted(told)
    fastest, slowest = ranked[0][0], ranked[-1][0]
    return tuple(
        Bar(
            label,
            p50 / slowest,
            wording.milliseconds(p50),
            "the fastest" if p50 == fastest else f"{wording.times(p50 / fastest)} as long",
        )
        for p50, label in ranked
    )


def _charts(found: Fleet) -> tuple[tuple[str, ratios.Chart], ...]:
    """By runtime, every device's ratio with its interval."""
    held: dict[str, list[tuple[ratios.Estimated, float | None]]] = {}
    for one in found.members:
        for pair in one.comparison.pairs if one.comparison else ():
            verdict = pair.verdict("latency")
            if verdict is not None and verdict.value is not None and verdict.interval is not None:
                row = ratios.Estimated("all", one.hardware, verdict.value, *verdict.interval)
                held.setdefault(pair.candidate.runtime, []).append((row, verdict.limit))
    return tuple((runtime, _chart(told)) for runtime, told in held.items() if len(told) > 1)


def _chart(told: Sequence[tuple[ratios.Estimated, float | None]]) -> ratios.Chart:
    limits = {limit for _, limit in told}
    return ratios.drawn([row for row, _ in told], limits.pop() if len(limits) == 1 else None)


def _told(one: Member) -> bool:
    """Whether it found anything that has a page."""
    return any((one.profile, one.aggregates, one.comparison, one.report))


def _detail(one: Member) -> Detail:
    profile = one.profile or one.aggregates
    return Detail(
        title=f"{one.hardware}: {one.subject}" if profile else one.hardware,
        status=OUTCOMES.get(one.exit_status, UNMEASURED)[0],
        profile=profile_page.view(profile) if profile else None,
        comparison=comparison_page.view(one.comparison) if one.comparison else None,
        page=f"{one.hardware}/report.html" if one.report else "",
    )


def _obstacles(found: Fleet) -> tuple[Verdict, ...]:
    """What did not pass, by device."""
    told = [
        one.model_copy(update={"check": f"{member.hardware}, {one.check}"})
        for member in found.members
        for one in unpassed(member.verdicts)
    ]
    silent = dict.fromkeys((member.hardware, member.said) for member in found.members if member.said)
    told += [
        Verdict(check=hardware, artifact=None, status=Status.INCONCLUSIVE, reason=said) for hardware, said in silent
    ]
    return tuple(told)
