"""Progress on a terminal shows stage, count and figures; everywhere else it is silent."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from l0gm_edge.cli._output import listener
from l0gm_edge.cli._progress import TerminalProgress
from l0gm_edge.core.progress import Progress, Silent


def drawn(*, terminal: bool) -> str:
    file = io.StringIO()
    bars = TerminalProgress(Console(file=file, force_terminal=terminal, width=160, no_color=True))
    with bars:
        progress: Progress = bars
        progress.stage("learn")
        with progress.task("dense model", total=4) as task:
            task.advance(3, loss=0.25, accuracy=0.875)
            bars._bars.refresh()
        progress.stage("prune", reused=True)
        progress.note("kept [12] of 30 units")
    return file.getvalue()


def test_a_terminal_sees_stage_bar_count_and_figures() -> None:
    shown = drawn(terminal=True)
    for part in ("learn", "dense model", "3/4", "loss=0.25 accuracy=0.875", "unchanged, reused"):
        assert part in shown


def test_a_note_is_kept_as_it_is_written() -> None:
    assert "kept [12] of 30 units" in drawn(terminal=True)


@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_no_terminal_hears_nothing(as_json: bool) -> None:
    with listener(as_json=as_json) as progress:  # pytest's stderr is no terminal
        assert isinstance(progress, Silent)


def test_a_terminal_is_spared_with_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with listener(as_json=True) as progress:
        assert isinstance(progress, Silent)
    with listener(as_json=False) as progress:
        assert isinstance(progress, TerminalProgress)
