"""Of one model timed run by run: how latency is spread, where the time goes, what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean

from l0gm_edge.core.profiled import ModelProfile
from l0gm_edge.report import distribution, energy, operators, percentiles, wording
from l0gm_edge.report.distribution import Course, Histogram
from l0gm_edge.report.headline import Figure


@dataclass(frozen=True)
class View:
    """The sections that only this kind of profile has."""

    figures: tuple[Figure, ...]
    counted: str
    histogram: Histogram | None
    course: Course | None
    operators: operators.View


def view(found: ModelProfile) -> View:
    """What the page shows of it."""
    known = [(one.q, one.value_ns / 1e6) for one in found.percentiles if one.value_ns is not None]
    return View(
        figures=_figures(found),
        counted=f"{found.runs:,} runs in {len(found.warmup_runs)} fresh processes, after "
        f"{mean(found.warmup_runs or (0,)):.0f} to warm up in each",
        histogram=distribution.histogram(found.blocks, known),
        course=distribution.course(found.blocks),
        operators=operators.view(found.operators),
    )


def _figures(found: ModelProfile) -> tuple[Figure, ...]:
    first, *again = found.load_ns or (None,)
    return (
        *(percentiles.figure(f"Latency, p{one.q}", one) for one in found.percentiles),
        Figure(
            "First load",
            wording.milliseconds(first / 1e6 if first else None),
            f"then {wording.milliseconds(mean(again) / 1e6)}" if again else "first in its process",
        ),
        Figure("Peak memory", wording.size(found.peak_memory_bytes), "of the process, Python and runtime included"),
        Figure("Energy an inference", *energy.told(found.energy)),
    )
