"""The page of a fleet: one model on many devices, what became of each, their latencies side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from l0gm_edge.core.comparison import Pair
from l0gm_edge.core.fleet import Fleet, Member
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.report import comparison, comparison_page, distribution, profile_page, ratios, wording
from l0gm_edge.report.pages import template

OUTCOMES = {0: ("PASS", "did it"), 1: ("FAIL", "FAIL"), 3: ("INCONCLUSIVE", "INCONCLUSIVE")}
UNMEASURED = ("INCONCLUSIVE", "not measured")
SENTENCES = {
    0: "Every device did what was asked.",
    1: "On at least one device a verdict failed.",
    3: "Nothing failed, but not everything could be told.",
}
INCOMPLETE = "Not every device could be measured; what the others gave is kept, and a further call asks the rest alone."


@dataclass(frozen=True)
class Line:
    """One row of the table: a device and what it was asked about, how that ended, and its figures as text.

    `reused` says that an earlier call measured it.
    """

    hardware: str
    subject: str
    status: str
    happened: str
    why: str
    reused: bool
    figures: tuple[str, ...]
    processor: str
    time: str


@dataclass(frozen=True)
class Bar:
    """A device's figure beside the others': `share` of the largest, in 0..1; its range in words."""

    hardware: str
    share: float
    value: str
    detail: str


@dataclass(frozen=True)
class Group:
    """One artifact, device after device, the fastest first."""

    subject: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Detail:
    """What one device found, as its own page shows it: either a profile or a comparison."""

    title: str
    status: str
    profile: profile_page.View | None
    comparison: comparison_page.View | None


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
        details=_details(found),
        charts=distribution,
        ratios=ratios,
    )


def columns(found: Fleet) -> tuple[str, ...]:
    """What the figures of a line are."""
    if any(one.comparison for one in found.members):
        return ("latency, candidate to baseline", "baseline", "candidate")
    return ("p50", "p90", "first load", "peak memory")


def lines(found: Fleet) -> tuple[Line, ...]:
    """What became of each device; a comparison of several pairs has a line a pair."""
    width = len(columns(found))
    return tuple(line for one in found.members for line in _lines(one, width))


def _lines(one: Member, width: int) -> list[Line]:
    status, word = OUTCOMES.get(one.exit_status, UNMEASURED)
    if one.comparison is not None:
        return [
            Line(
                one.hardware,
                one.subject if len(one.comparison.pairs) == 1 else f"{one.subject}, {pair.candidate.runtime}",
                str(pair.status),
                str(pair.status),
                "; ".join(verdict.reason for verdict in comparison.open_ones(pair)),
                one.reused,
                _pair_figures(pair),
                pair.sessions[-1].machine.get("processor", ""),
                pair.sessions[-1].before.time,
            )
            for pair in one.comparison.pairs
        ]
    if one.profile is None:
        return [Line(one.hardware, one.subject, status, word, one.said, one.reused, ("",) * width, "", "")]
    found, why = one.profile, [f"{verdict.check}: {verdict.reason}" for verdict in _open(one.verdicts)]
    figures = {known.q: known.value_ns for known in found.percentiles}
    judged = "PASS" if one.verdicts and one.exit_status == 0 else word
    return [
        Line(
            one.hardware,
            one.subject,
            status,
            judged,
            "; ".join([*why, *found.warnings]),
            one.reused,
            (
                *(wording.milliseconds(_ms(figures.get(q))) for q in (50, 90)),
                wording.milliseconds(_ms(found.load_ns[0] if found.load_ns else None)),
                wording.size(found.peak_memory_bytes),
            ),
            found.before.machine.get("processor", ""),
            found.before.conditions.time,
        )
    ]


def _pair_figures(pair: Pair) -> tuple[str, ...]:
    row = next((row for row in comparison.rows(pair) if row[0] == comparison.TITLES["latency"]), [""] * 5)
    return (row[3], row[1], row[2])


def _groups(found: Fleet) -> tuple[Group, ...]:
    """Of each artifact, the p50 of every device that told it; alone there is nothing to compare."""
    held: dict[str, list[tuple[float, Member]]] = {}
    for one in found.members:
        known = {told.q: told.value_ns for told in one.profile.percentiles} if one.profile else {}
        p50 = known.get(50)
        if p50 is not None:
            held.setdefault(one.subject, []).append((p50, one))
    return tuple(Group(subject, _bars(told)) for subject, told in held.items() if len(told) > 1)


def _charts(found: Fleet) -> tuple[tuple[str, ratios.Chart], ...]:
    """By runtime, every device's ratio with its interval."""
    held: dict[str, list[tuple[Member, Verdict]]] = {}
    for one in found.members:
        for pair in one.comparison.pairs if one.comparison else ():
            verdict = pair.verdict("latency")
            if verdict is not None and verdict.value is not None and verdict.interval is not None:
                held.setdefault(pair.candidate.runtime, []).append((one, verdict))
    return tuple((runtime, _chart(told)) for runtime, told in held.items() if len(told) > 1)


def _chart(told: Sequence[tuple[Member, Verdict]]) -> ratios.Chart:
    limits = {verdict.limit for _, verdict in told}
    rows = [
        ratios.Estimated("all", one.hardware, verdict.value, *verdict.interval)
        for one, verdict in told
        if verdict.value is not None and verdict.interval is not None
    ]
    return ratios.drawn(rows, limits.pop() if len(limits) == 1 else None)


def _bars(told: Sequence[tuple[float, Member]]) -> tuple[Bar, ...]:
    ranked = sorted(told, key=lambda pair: (pair[0], pair[1].hardware))
    fastest, slowest = ranked[0][0], ranked[-1][0]
    return tuple(
        Bar(
            one.hardware,
            p50 / slowest,
            wording.milliseconds(p50 / 1e6),
            "the fastest" if p50 == fastest else f"{wording.times(p50 / fastest)} as long",
        )
        for p50, one in ranked
    )


def _details(found: Fleet) -> tuple[Detail, ...]:
    return tuple(
        Detail(
            title=f"{one.hardware}: {one.subject}" if one.profile else one.hardware,
            status=OUTCOMES.get(one.exit_status, UNMEASURED)[0],
            profile=profile_page.view(one.profile) if one.profile else None,
            comparison=comparison_page.view(one.comparison) if one.comparison else None,
        )
        for one in found.members
        if one.profile or one.comparison
    )


def _obstacles(found: Fleet) -> tuple[Verdict, ...]:
    """What did not pass, by device."""
    told = [
        one.model_copy(update={"check": f"{member.hardware}, {one.check}"})
        for member in found.members
        for one in _open(member.verdicts)
    ]
    silent = dict.fromkeys((member.hardware, member.said) for member in found.members if member.said)
    told += [
        Verdict(check=hardware, artifact=None, status=Status.INCONCLUSIVE, reason=said) for hardware, said in silent
    ]
    return tuple(told)


def _open(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [one for one in verdicts if one.status is not Status.PASS]


def _ms(ns: float | None) -> float | None:
    return None if ns is None else ns / 1e6
