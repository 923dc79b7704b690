"""The page of one model's profile on one device: how latency is spread, where the time goes, in which conditions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from l0gm_edge.core.profiled import ModelProfile, Percentile
from l0gm_edge.report import device_state, distribution, wording
from l0gm_edge.report.device_state import StateRow
from l0gm_edge.report.distribution import Course, Histogram
from l0gm_edge.report.headline import Figure
from l0gm_edge.report.pages import template
from l0gm_edge.report.waterfall import Kind, Step, kinds, steps

KINDS_SHOWN = 6


@dataclass(frozen=True)
class View:
    """A profile as its page shows it."""

    profile: ModelProfile
    name: str
    setup: str
    figures: tuple[Figure, ...]
    histogram: Histogram | None
    course: Course | None
    kinds: tuple[Kind, ...]
    steps: tuple[Step, ...]
    no_steps: str
    providers: tuple[str, ...]
    states: tuple[StateRow, ...]
    counted: str


def render(found: ModelProfile) -> str:
    """The page as text."""
    return template("profile.html").render(p=view(found), charts=distribution)


def view(found: ModelProfile) -> View:
    """What the page shows of a profile."""
    known = [(one.q, one.value_ns / 1e6) for one in found.percentiles if one.value_ns is not None]
    operators = found.operators
    return View(
        profile=found,
        name=Path(found.model).name,
        setup=f"{found.runtime_version} · {'1 thread' if found.threads == 1 else f'{found.threads} threads'} · "
        f"{wording.size(found.size_bytes)}",
        figures=_figures(found),
        histogram=distribution.histogram(found.blocks, known),
        course=distribution.course(found.blocks),
        kinds=kinds(operators, KINDS_SHOWN) if operators else (),
        steps=steps(operators) if operators else (),
        no_steps="" if operators and operators.layers else _why_none(found),
        providers=_providers(found),
        states=device_state.state_rows(found.before.conditions, found.after.conditions),
        counted=f"{found.runs:,} runs in {len(found.warmup_runs)} fresh processes, after "
        f"{mean(found.warmup_runs or (0,)):.0f} to warm up in each",
    )


def _figures(found: ModelProfile) -> tuple[Figure, ...]:
    first, *again = found.load_ns or (None,)
    return (
        *(_percentile(one, found.runs) for one in found.percentiles),
        Figure(
            "First load",
            wording.milliseconds(first / 1e6 if first else None),
            f"then {wording.milliseconds(mean(again) / 1e6)}" if again else "first in its process",
        ),
        Figure("Peak memory", wording.size(found.peak_memory_bytes), "of the process, Python and runtime included"),
    )


def _percentile(one: Percentile, runs: int) -> Figure:
    label = f"Latency, p{one.q}"
    if one.value_ns is None or one.interval_ns is None:
        return Figure(label, wording.MISSING, f"takes {one.runs_needed} runs; there were {runs}")
    low, high = (ns / 1e6 for ns in one.interval_ns)
    return Figure(
        label, wording.milliseconds(one.value_ns / 1e6), f"{wording.number(low)} to {wording.milliseconds(high)}"
    )


def _why_none(found: ModelProfile) -> str:
    if found.operators is None:
        return "Operators were not timed; --layers does it."
    return found.operators.unavailable or "The runtime tells of no operator."


def _providers(found: ModelProfile) -> tuple[str, ...]:
    if found.operators is None or len(found.operators.providers) < 2:
        return ()
    whole = sum(one.ns for one in found.operators.providers) or 1
    return tuple(
        f"{one.provider.removesuffix('ExecutionProvider')}: {one.nodes} nodes, {wording.percent(one.ns / whole)} of "
        "the time"
        for one in found.operators.providers
    )
