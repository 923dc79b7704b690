"""What went on during a long run, as panels one above the other with one axis of time, in SVG units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from l0gm_edge.core import duration
from l0gm_edge.core.profiled import Point, SustainedProfile
from l0gm_edge.report import wording
from l0gm_edge.report.axis import Axis
from l0gm_edge.report.distribution import Tick

WIDTH = 720
LEFT, RIGHT, TOP = 62, 694, 26
GAP, BELOW = 34, 42
TALL, LOW = 180, 96
"""Heights of the first panel, and of the others."""
TICKS = 6
STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
Place = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """One thing over time; `pieces` are lines without the windows in which it is not known; `kind` is how they look."""

    title: str
    top: float
    bottom: float
    ticks: tuple[Tick, ...]
    kind: str
    pieces: tuple[tuple[Place, ...], ...]


@dataclass(frozen=True)
class Span:
    """A stretch of time, and what is to be said of it."""

    left: float
    width: float
    title: str


@dataclass(frozen=True)
class Timeline:
    """The panels, the stretches in which the device was held back, every window, and from when on it was at rest."""

    panels: tuple[Panel, ...]
    ticks: tuple[Tick, ...]
    held_back: tuple[Span, ...]
    windows: tuple[Span, ...]
    rest: float | None
    bottom: float
    height: float
    description: str


def timeline(found: SustainedProfile) -> Timeline:
    """The whole run: latency, and temperature and clock where the device tells them."""
    points = found.points
    time = Axis(0, points[-1].seconds, LEFT, RIGHT)
    spans = _spans(points)
    middles = [time.place((began + ended) / 2) for began, ended in spans]
    panels: list[Panel] = []
    for title, kind, values in (
        ("p50 latency, ms", "median", [one.p50_ns / 1e6 for one in points]),
        ("p90 latency, ms", "tail", [one.p90_ns / 1e6 for one in points]),
        ("temperature, °C", "heat", [one.temperature_c for one in points]),
        ("clock, MHz", "clock", [one.frequency_mhz for one in points]),
    ):
        if any(one is not None for one in values):
            panels.append(_panel(title, kind, panels[-1].bottom + GAP if panels else TOP, middles, values))
    bottom = panels[-1].bottom
    return Timeline(
        panels=tuple(panels),
        ticks=tuple(Tick(time.place(at), moment(at)) for at in _time_ticks(points[-1].seconds)),
        held_back=tuple(
            _span(time, began, ended, f"held back: {', '.join(why)}") for began, ended, why in _held_back(points, spans)
        ),
        windows=tuple(
            _span(time, began, ended, told(one, began)) for one, (began, ended) in zip(points, spans, strict=True)
        ),
        rest=time.place(found.steady_after_s) if found.steady_after_s else None,
        bottom=bottom,
        height=bottom + BELOW,
        description=f"{len(points)} windows over {moment(points[-1].seconds)}. " + _described(points),
    )


def told(one: Point, began: float) -> str:
    """One window in a line."""
    parts = [
        f"p50 {wording.milliseconds(one.p50_ns / 1e6)}, p90 {wording.milliseconds(one.p90_ns / 1e6)}",
        *([wording.quantity(one.temperature_c, "°C")] if one.temperature_c is not None else []),
        *([wording.quantity(one.frequency_mhz, "MHz")] if one.frequency_mhz is not None else []),
        *([f"held back: {', '.join(one.held_back)}"] if one.held_back else []),
    ]
    return f"{moment(began)} to {moment(one.seconds)}: {'; '.join(parts)}"


def moment(seconds: float) -> str:
    """A time since the beginning."""
    return f"{round(seconds, 1):g}s" if seconds < 60 else duration.told(seconds)


def _panel(title: str, kind: str, top: float, middles: Sequence[float], values: Sequence[float | None]) -> Panel:
    first = top == TOP
    bottom = top + (TALL if first else LOW)
    y = Axis.around([one for one in values if one is not None], bottom, top)
    return Panel(
        title=title,
        top=top,
        bottom=bottom,
        ticks=tuple(Tick(y.place(tick), f"{tick:,g}") for tick in y.ticks(5 if first else 4)),
        kind=kind,
        pieces=_pieces(middles, values, y.place),
    )


def _pieces(
    middles: Sequence[float], values: Sequence[float | None], place: Callable[[float], float]
) -> tuple[tuple[Place, ...], ...]:
    pieces: list[list[Place]] = [[]]
    for x, value in zip(middles, values, strict=True):
        if value is not None:
            pieces[-1].append((x, place(value)))
        elif pieces[-1]:
            pieces.append([])
    return tuple(tuple(piece) for piece in pieces if piece)


def _spans(points: Sequence[Point]) -> list[tuple[float, float]]:
    return list(pairwise((0.0, *(one.seconds for one in points))))


def _span(time: Axis, began: float, ended: float, title: str) -> Span:
    return Span(time.place(began), round(time.place(ended) - time.place(began), 2), title)


def _held_back(
    points: Sequence[Point], spans: Sequence[tuple[float, float]]
) -> list[tuple[float, float, tuple[str, ...]]]:
    """Windows in which it was slowed down, joined where they follow each other for the same reasons."""
    found: list[tuple[float, float, tuple[str, ...]]] = []
    for one, (began, ended) in zip(points, spans, strict=True):
        if not one.held_back:
            continue
        if found and found[-1][1:] == (began, one.held_back):
            found[-1] = (found[-1][0], ended, one.held_back)
        else:
            found.append((began, ended, one.held_back))
    return found


def _time_ticks(last_s: float) -> list[float]:
    step = next((one for one in STEPS_S if last_s / one <= TICKS), STEPS_S[-1])
    return [step * count for count in range(int(last_s / step + 1e-9) + 1)]


def _described(points: Sequence[Point]) -> str:
    ends = points[0], points[-1]
    told = ["p50 from {} to {}".format(*(wording.milliseconds(one.p50_ns / 1e6) for one in ends))]
    heat = [one.temperature_c for one in points if one.temperature_c is not None]
    if heat:
        told.append(f"temperature from {heat[0]:.0f} to {heat[-1]:.0f} °C")
    slowed = sum(bool(one.held_back) for one in points)
    return ", ".join([*told, f"held back in {slowed} windows"])
