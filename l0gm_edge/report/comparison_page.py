"""The page of a comparison: verdicts, the ratio process by process, operators that grew, and the conditions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from l0gm_edge.core.comparison import Comparison, OperatorChange, Pair
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.report import comparison, device_state, ratios
from l0gm_edge.report.device_state import StateRow
from l0gm_edge.report.pages import template
from l0gm_edge.report.ratios import Chart

OPERATORS_SHOWN = 12
LEAST_CHANGE = 0.002
SENTENCES = {
    Status.PASS: "Nothing is worse than its limit allows.",
    Status.FAIL: "The candidate is worse than its limits allow.",
    Status.INCONCLUSIVE: "Nothing failed, but not everything could be told.",
}


@dataclass(frozen=True)
class SessionView:
    """One session: what disturbed it, and the device before and after."""

    title: str
    disturbed: tuple[str, ...]
    states: tuple[StateRow, ...]


@dataclass(frozen=True)
class PairView:
    """A pair as the page shows it; `changes` are the operators that grew or shrank most."""

    pair: Pair
    rows: tuple[tuple[Verdict, tuple[str, ...]], ...]
    chart: Chart | None
    changes: tuple[OperatorChange, ...]
    largest: float
    sessions: tuple[SessionView, ...]


@dataclass(frozen=True)
class View:
    """A comparison as its page shows it."""

    found: Comparison
    name: str
    sentence: str
    obstacles: tuple[Verdict, ...]
    pairs: tuple[PairView, ...]
    provenance: str


def render(found: Comparison) -> str:
    """The page as text."""
    return template("comparison.html").render(c=view(found), ratios=ratios)


def view(found: Comparison) -> View:
    """What the page shows of a comparison."""
    return View(
        found=found,
        name=PurePosixPath(found.candidate.rpartition(":")[2]).name or found.candidate,
        sentence=SENTENCES[found.status],
        obstacles=tuple(one for pair in found.pairs for one in comparison.open_ones(pair)),
        pairs=tuple(_pair(pair) for pair in found.pairs),
        provenance=comparison.provenance(found),
    )


def _pair(pair: Pair) -> PairView:
    noted = [one for one in pair.operators if abs(one.growth) >= LEAST_CHANGE]
    changes = tuple(sorted(noted, key=lambda one: -abs(one.growth))[:OPERATORS_SHOWN])
    return PairView(
        pair=pair,
        rows=tuple(
            (verdict, tuple(cells[:-1])) for verdict, cells in zip(pair.verdicts, comparison.rows(pair), strict=True)
        ),
        chart=ratios.chart(pair),
        changes=tuple(sorted(changes, key=lambda one: -one.growth)),
        largest=max((max(one.before, one.after) for one in changes), default=1.0),
        sessions=tuple(
            SessionView(f"Session {number}", one.disturbed, device_state.state_rows(one.before, one.after))
            for number, one in enumerate(pair.sessions, start=1)
        ),
    )
