"""A progress that ends a run in the middle of a course of training, as a kill would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from l0gm_edge.core.progress import Silent


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


class Killer(Silent):
    """Ends the run in the middle of a course of training, after this many of its steps."""

    def __init__(self, course: str, steps: int) -> None:
        self.course, self.left = course, steps

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Killer]:
        self.at_work = description
        yield self

    def advance(self, steps: int = 1, **fields: float) -> None:
        if self.at_work == self.course:
            self.left -= steps
            if self.left < 0:
                raise Killed
