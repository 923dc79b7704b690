"""Figures kept line by line, as they are made, and what the seeds of two arms say of each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from result import Cell
from scipy import stats

Line = dict[str, Cell]


def read(cache: Path) -> list[Line]:
    """The lines there are."""
    return [json.loads(line) for line in cache.read_text(encoding="utf-8").splitlines()] if cache.is_file() else []


def keep(cache: Path, line: Line) -> None:
    """Append one line."""
    print(line, flush=True)
    with cache.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def where(lines: Sequence[Line], **wanted: Cell) -> list[Line]:
    """The lines that have these values."""
    return [line for line in lines if all(line.get(name) == value for name, value in wanted.items())]


def by_seed(lines: Sequence[Line], figure: str) -> dict[Cell, float]:
    """A figure of every seed that has it."""
    return {line["seed"]: float(value) for line in lines if (value := line.get(figure)) is not None}


def differences(ours: Mapping[Cell, float], theirs: Mapping[Cell, float]) -> list[float]:
    """Ours less theirs, for every seed that has both."""
    return [ours[seed] - theirs[seed] for seed in ours if seed in theirs]


def interval(values: Sequence[float], tries: int = 1) -> tuple[float, float] | None:
    """Mean, and the lower end of its 95 % interval by Student's t; wider where the best of so many `tries` is taken
    (Bonferroni)."""
    if len(values) < 2:
        return None
    half = stats.t.ppf(1 - 0.025 / tries, len(values) - 1) * stdev(values) / len(values) ** 0.5
    return mean(values), mean(values) - float(half)


def ahead(ours: Mapping[Cell, float], theirs: Mapping[Cell, float], tries: int = 1) -> bool:
    """Whether ours are above theirs beyond the interval, seed by seed."""
    found = interval(differences(ours, theirs), tries)
    return found is not None and found[1] > 0


def told(values: Sequence[float]) -> str:
    """A lead in percentage points, with half its interval."""
    found = interval(values)
    return "" if found is None else f"{100 * found[0]:+.1f} ± {100 * (found[0] - found[1]):.1f}"


def average(lines: Sequence[Line], name: str) -> float | None:
    """The mean of a figure, where it is there."""
    values = [float(value) for line in lines if (value := line.get(name)) is not None]
    return mean(values) if values else None
