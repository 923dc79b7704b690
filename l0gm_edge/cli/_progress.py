"""Progress on a terminal: the stage, a bar, the count, time gone and to go, and live figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from l0gm_edge.core import progress


class TerminalProgress:
    """Draws bars on stderr while its context is open; finished bars and notes stay as lines above."""

    def __init__(self, console: Console | None = None) -> None:
        self._stage = ""
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.fields[stage]}[/] {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("<"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[figures]}[/]"),
            console=console or Console(stderr=True),
            transient=True,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def stage(self, name: str, *, reused: bool = False) -> None:
        """Print the stage's name; the bars that follow carry it."""
        self._stage = name
        self._bars.console.print(f"[bold]{name}[/]" + (" [dim]unchanged, reused[/]" if reused else ""))

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[progress.Task]:
        """A bar that leaves when the context ends."""
        bar = self._bars.add_task(description, total=total, stage=self._stage, figures="")
        try:
            yield _Bar(self._bars, bar)
        finally:
            self._bars.remove_task(bar)

    def note(self, text: str) -> None:
        """One line above the bars."""
        self._bars.console.print(f"  {text}", markup=False, highlight=False)


class _Bar:
    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, steps: int = 1, **fields: float) -> None:
        """Move the bar; the figures given replace those shown."""
        self._bars.advance(self._task, steps)
        if fields:
            figures = " ".join(f"{name}={value:.3g}" for name, value in fields.items())
            self._bars.update(self._task, figures=figures)
