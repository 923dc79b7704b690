"""How a target in milliseconds was met: asked for, predicted, timed when the widths were chosen, delivered."""

from __future__ import annotations

from dataclasses import dataclass

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.plan import Sized
from l0gm_edge.core.report import Report
from l0gm_edge.report import wording


@dataclass(frozen=True)
class Line:
    """One runtime's figures, in words."""

    runtime: str
    percentile: str
    requested: str
    predicted: str
    chosen: str
    delivered: str


def lines(report: Report) -> tuple[Line, ...]:
    """One line a runtime; none where the target is no latency."""
    return tuple(
        Line(
            one.runtime,
            f"p{one.percentile}",
            *map(
                wording.milliseconds, (one.requested_ms, one.predicted_ms, one.measured_ms, _delivered_ms(report, one))
            ),
        )
        for one in report.latency
    )


def _delivered_ms(report: Report, one: Sized) -> float | None:
    """What the sized file took in the measure stage."""
    for row in report.artifacts:
        if (row.role, row.runtime, row.scheme) == (Role.COMPRESSED, one.runtime, one.scheme):
            return row.p90_ms if one.percentile == 90 else row.p50_ms
    return None
