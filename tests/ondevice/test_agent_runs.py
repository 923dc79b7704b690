"""How long the agent runs a model, with a clock of our own: warm-up, and timed runs over the rows."""

from __future__ import annotations

import itertools
from types import ModuleType
from typing import Any

import pytest

LIMITS = {"window": 5, "min_runs": 10, "max_runs": 50, "max_seconds": 1.0, "tolerance": 0.05}


class Clock:
    """Stands for the module `time`: each run takes the next of the given nanoseconds."""

    def __init__(self, durations: Any) -> None:
        self.now, self.durations = 0, iter(durations)

    def perf_counter_ns(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1e9

    def run(self) -> None:
        self.now += next(self.durations)


def make_model(agent: ModuleType, clock: Clock, placed: list[Any]) -> Any:
    return agent.Model({}, [], None, None, placed.append, clock.run, None)


def warm_up(agent: ModuleType, monkeypatch: pytest.MonkeyPatch, durations: Any, **limits: Any) -> tuple[int, bool]:
    clock = Clock(durations)
    monkeypatch.setattr(agent, "time", clock)
    found = agent.warm_up(make_model(agent, clock, []), ["row"], LIMITS | limits)
    return found["warmup_runs"], found["steady"]


def test_warm_up_ends_when_two_windows_agree(agent: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    falling = itertools.chain([900] * 5, [600] * 5, [400] * 5, itertools.repeat(300))
    assert warm_up(agent, monkeypatch, falling) == (25, True)
    assert warm_up(agent, monkeypatch, itertools.repeat(300)) == (10, True)
    assert warm_up(agent, monkeypatch, itertools.repeat(300), min_runs=30) == (30, True)


def test_warm_up_ends_at_its_limits(agent: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    never = (1000 * 2**index for index in itertools.count())
    assert warm_up(agent, monkeypatch, never, max_runs=20, max_seconds=1e9) == (20, False)
    rising = (10**8 * (1 + n // 5) for n in itertools.count())
    assert warm_up(agent, monkeypatch, rising, max_seconds=0.9) == (10, False)


def test_timed_runs_rotate_through_the_rows(agent: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, placed = Clock([5, 6, 7, 8]), []  # type: ignore[var-annotated]
    monkeypatch.setattr(agent, "time", clock)
    assert agent.timed_runs(make_model(agent, clock, placed), ["p", "q", "r"], 4, first=2) == [5, 6, 7, 8]
    assert placed == ["r", "p", "q", "r"]
