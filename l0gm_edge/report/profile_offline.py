"""Of a model with all of its samples there at once: how many it gets through in a second."""

from __future__ import annotations

from dataclasses import dataclass

from l0gm_edge.core.profiled import OfflineProfile
from l0gm_edge.report import energy, wording
from l0gm_edge.report.bars import Bar
from l0gm_edge.report.headline import Figure


@dataclass(frozen=True)
class View:
    """The sections that only this kind of profile has."""

    figures: tuple[Figure, ...]
    counted: str
    bars: tuple[Bar, ...]


def view(found: OfflineProfile) -> View:
    """What the page shows of it."""
    return View(
        figures=_figures(found),
        counted=f"{_processes(found)}, each with all of its samples in memory before the clock starts; putting them in "
        "place counts",
        bars=tuple(
            Bar(
                label=f"process {number}",
                share=one.samples_per_second / found.fastest,
                value=f"{wording.number(one.samples_per_second)}/s",
                detail=f"{one.samples:,} samples in {wording.duration(one.elapsed_ns / 1e9)}",
            )
            for number, one in enumerate(found.runs, start=1)
        ),
    )


def _figures(found: OfflineProfile) -> tuple[Figure, ...]:
    spread = f"{wording.number(found.slowest)} to {wording.number(found.fastest)} in {_processes(found)}"
    samples = sum(one.samples for one in found.runs)
    seconds = sum(one.elapsed_ns for one in found.runs) / 1e9
    return (
        Figure("Samples a second", wording.number(found.samples_per_second), spread),
        Figure("A sample takes", wording.milliseconds(1e3 / found.samples_per_second), "the mean over all of them"),
        Figure("Batch", f"{found.batch:,}", "samples of one inference" if found.batch > 1 else "one by one"),
        Figure("Samples", f"{samples:,}", f"over {wording.duration(seconds)}, in all"),
        Figure("Energy an inference", *energy.told(found.energy)),
    )


def _processes(found: OfflineProfile) -> str:
    return "1 fresh process" if len(found.runs) == 1 else f"{len(found.runs)} fresh processes"
