"""Accuracy over active fraction as an SVG picture: one panel a data set, one curve an arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from l0gm_edge.report.axis import Axis

WIDTH, HEIGHT, ACROSS = 320, 240, 3
LEFT, RIGHT, TOP, BOTTOM, LEGEND = 44, 310, 24, 200, 26
COLOURS = ("#0b5fa5", "#c4501b", "#7a3e9d", "#2a7f3f", "#8a6d00", "#777777")
DASHES = ("", "6 3", "2 2", "8 2 2 2", "4 4", "1 3")


@dataclass(frozen=True)
class Curve:
    """One arm: (active fraction, accuracy in %) from the whole model downwards."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Panel:
    """One data set."""

    title: str
    curves: tuple[Curve, ...]


def draw(panels: Sequence[Panel]) -> str:
    """The picture; every panel has the same curves, in the same order."""
    names = [curve.name for curve in panels[0].curves] if panels else []
    down = -(-len(panels) // ACROSS)
    width, height = WIDTH * min(ACROSS, max(1, len(panels))), HEIGHT * down + LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"',
        ' font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, name in enumerate(names):
        x = 10 + number * (width - 20) / max(1, len(names))
        parts += [_line([(x, 13), (x + 22, 13)], number), f'<text x="{x + 26:.0f}" y="17">{escape(name)}</text>']
    for number, panel in enumerate(panels):
        place = f"translate({WIDTH * (number % ACROSS)} {LEGEND + HEIGHT * (number // ACROSS)})"
        parts += [f'<g transform="{place}">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel) -> list[str]:
    values = [value for curve in panel.curves for _, value in curve.points]
    margin = max(0.2, 0.1 * (max(values) - min(values)))
    x = Axis(min(f for curve in panel.curves for f, _ in curve.points) / 1.1, 1.1, LEFT, RIGHT, logarithmic=True)
    y = Axis(min(values) - margin, max(values) + margin, BOTTOM, TOP)
    parts = [f'<text x="{LEFT}" y="16" font-weight="bold">{escape(panel.title)}</text>']
    parts += [_rule(LEFT, y.place(tick), RIGHT, y.place(tick), f"{tick:g}") for tick in y.ticks()]
    for fraction in sorted({f for curve in panel.curves for f, _ in curve.points}):
        at = x.place(fraction)
        parts.append(f'<text x="{at}" y="{BOTTOM + 14}" text-anchor="middle">{fraction:g}</text>')
    for number, curve in enumerate(panel.curves):
        points = [(x.place(f), y.place(value)) for f, value in curve.points]
        parts += [_line(points, number), *(_dot(*point, number) for point in points[1:])]
    middle = (LEFT + RIGHT) / 2
    return [*parts, f'<text x="{middle}" y="{BOTTOM + 30}" text-anchor="middle">active fraction; accuracy, %</text>']


def _rule(x1: float, y1: float, x2: float, y2: float, text: str) -> str:
    label = f'<text x="{x1 - 5}" y="{y1 + 4}" text-anchor="end">{text}</text>'
    return f'<path d="M{x1} {y1}L{x2} {y2}" stroke="#ddd"/>{label}'


def _line(points: Sequence[tuple[float, float]], number: int) -> str:
    path = "L".join(f"{a:.2f} {b:.2f}" for a, b in points)
    dash = DASHES[number % len(DASHES)]
    style = f'stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="1.6" fill="none"'
    return f'<path d="M{path}" {style}' + (f' stroke-dasharray="{dash}"/>' if dash else "/>")


def _dot(x: float, y: float, number: int) -> str:
    return f'<circle cx="{x}" cy="{y}" r="2.6" fill="{COLOURS[number % len(COLOURS)]}"/>'
