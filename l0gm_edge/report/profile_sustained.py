"""Of a model run without a pause: latency, temperature and clock over time, and where they come to rest."""

from __future__ import annotations

from dataclasses import dataclass

from l0gm_edge.core import duration
from l0gm_edge.core.profiled import Point, SustainedProfile, quarters
from l0gm_edge.report import wording
from l0gm_edge.report.headline import Figure
from l0gm_edge.report.timeline import Timeline, moment, timeline

NO_DRIFT = 0.005
UNTOLD = "not told"


@dataclass(frozen=True)
class View:
    """The sections that only this kind of profile has; `untold` is what this device does not tell."""

    figures: tuple[Figure, ...]
    counted: str
    chart: Timeline
    untold: str
    rows: tuple[tuple[str, ...], ...]


def view(found: SustainedProfile) -> View:
    """What the page shows of it."""
    told = {
        "temperature": any(one.temperature_c is not None for one in found.points),
        "clock": any(one.frequency_mhz is not None for one in found.points),
    }
    return View(
        figures=_figures(found),
        counted=f"{found.runs:,} runs in one process without a pause, in {len(found.points)} windows",
        chart=timeline(found),
        untold=" and ".join(name for name, known in told.items() if not known),
        rows=tuple(_row(one) for one in found.points),
    )


def rest(found: SustainedProfile) -> str:
    """From when on latency stays near where it ends up."""
    if found.steady_after_s is None:
        return "never at rest"
    return f"at rest after {duration.told(found.steady_after_s)}" if found.steady_after_s else "at rest all the time"


def change(found: SustainedProfile) -> str:
    """How much slower, or faster, it was at the end."""
    if abs(found.drift - 1) < NO_DRIFT:
        return "as fast at the end as at the beginning"
    return f"{abs(found.drift - 1):.1%} {'slower' if found.drift > 1 else 'faster'} at the end than at the beginning"


def _figures(found: SustainedProfile) -> tuple[Figure, ...]:
    first, last = (wording.milliseconds(ns / 1e6) for ns in quarters(found.points))
    drift = "no drift" if abs(found.drift - 1) < NO_DRIFT else wording.factor(found.drift, "faster", "slower")
    return (
        Figure("p50 at the beginning", first, "median of the first quarter's windows"),
        Figure("p50 at the end", last, "median of the last quarter's windows"),
        Figure("From beginning to end", drift, rest(found), "at rest: within 5 % of the last quarter"),
        _temperature(found),
        _held_back(found),
    )


def _temperature(found: SustainedProfile) -> Figure:
    known = [one.temperature_c for one in found.points if one.temperature_c is not None]
    if not known:
        return Figure("Temperature", UNTOLD, "by this device")
    ends = f"{known[0]:.0f} → {wording.quantity(known[-1], '°C')}"
    return Figure("Temperature", ends, f"at most {wording.quantity(max(known), '°C')}")


def _held_back(found: SustainedProfile) -> Figure:
    slowed = [one for one in found.points if one.held_back]
    if not slowed:
        return Figure("Held back", "never", "as far as the device tells")
    reasons = ", ".join(sorted({reason for one in slowed for reason in one.held_back}))
    windows = "all the time" if len(slowed) == len(found.points) else f"{len(slowed)} of {len(found.points)} windows"
    began = found.points.index(slowed[0])
    since = moment(found.points[began - 1].seconds) if began else "the beginning"
    return Figure("Held back", windows, reasons, f"first after {since}" if began else "from the beginning")


def _row(one: Point) -> tuple[str, ...]:
    return (
        moment(one.seconds),
        f"{one.runs:,}",
        wording.number(one.p50_ns / 1e6),
        wording.number(one.p90_ns / 1e6),
        "" if one.temperature_c is None else wording.number(one.temperature_c),
        "" if one.frequency_mhz is None else wording.number(one.frequency_mhz),
        ", ".join(one.held_back),
    )
