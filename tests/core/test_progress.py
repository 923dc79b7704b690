"""The silent listener takes everything a stage says, and says nothing."""

from __future__ import annotations

import pytest

from l0gm_edge.core.progress import Progress, Silent


def test_silence_takes_every_call_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    progress: Progress = Silent()
    progress.stage("learn")
    progress.stage("prune", reused=True)
    progress.note("chosen")
    with progress.task("training", total=10) as task:
        task.advance()
        task.advance(3, loss=0.5)
    assert capfd.readouterr() == ("", "")


def test_an_error_inside_a_task_is_not_swallowed() -> None:
    with pytest.raises(ValueError, match="inside"), Silent().task("training"):
        raise ValueError("inside")
