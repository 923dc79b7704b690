"""A benchmark's result: rows of figures and the bars they are held against, as JSON and as a table in Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from l0gm_edge.core import environment
from l0gm_edge.core.store import write_text

RESULTS = Path(__file__).parent / "results"
Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Bar:
    """What a figure is held against."""

    bar: str
    value: float
    limit: float
    holds: bool


def at_most(bar: str, value: float, limit: float) -> Bar:
    """A bar that holds when the value does not exceed the limit."""
    return Bar(bar, value, limit, value <= limit)


def at_least(bar: str, value: float, limit: float) -> Bar:
    """A bar that holds when the value reaches the limit."""
    return Bar(bar, value, limit, value >= limit)


def write(name: str, rows: Sequence[Mapping[str, Cell]], bars: Sequence[Bar], folder: Path = RESULTS) -> Literal[0, 1]:
    """Write `<name>.json` and `.md`, print the table, and return 0 when every bar holds, else 1."""
    commit, dirty = environment.commit()
    facts = environment.machine() | environment.tool_versions()
    held = [asdict(bar) for bar in bars]
    document = {"name": name, "commit": commit, "dirty": dirty, "environment": facts, "rows": rows, "bars": held}
    where = f"Commit {commit}{', with uncommitted changes' if dirty else ''}. "
    where += ", ".join(f"{fact} {value}" for fact, value in facts.items()) + "."
    text = "\n\n".join([f"# {name}", _table(rows), _table(held), where]) + "\n"
    write_text(folder / f"{name}.json", json.dumps(document, indent=2) + "\n")
    write_text(folder / f"{name}.md", text)
    print(text)
    return 0 if all(bar.holds for bar in bars) else 1


def _table(rows: Sequence[Mapping[str, Cell]]) -> str:
    if not rows:
        return ""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_cell(row.get(name)) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Cell) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
