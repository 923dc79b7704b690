"""How long work tells that it moves on: a protocol the stages speak, and the listener that stays silent."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Task(Protocol):
    """One piece of long work under way."""

    def advance(self, steps: int = 1, **fields: float) -> None:
        """Tell that `steps` more are done, with live figures such as `loss=0.31, accuracy=0.92`."""


class Progress(Protocol):
    """Whoever listens: a bar in a terminal, or nobody."""

    def stage(self, name: str, *, reused: bool = False) -> None:
        """A stage of the road begins, or is found finished and reused."""

    def task(self, description: str, total: int | None = None) -> AbstractContextManager[Task]:
        """Long work of `total` steps (None: not known) begins; it ends with the context."""

    def note(self, text: str) -> None:
        """One line worth keeping, such as a choice that was made."""


class Silent:
    """Listens and says nothing: the default of every function that takes a `Progress`."""

    def stage(self, name: str, *, reused: bool = False) -> None:
        """Say nothing."""

    def task(self, description: str, total: int | None = None) -> AbstractContextManager[Task]:  # noqa: ARG002
        """Say nothing."""
        return nullcontext(_SilentTask())

    def note(self, text: str) -> None:
        """Say nothing."""


class _SilentTask:
    def advance(self, steps: int = 1, **fields: float) -> None:
        """Say nothing."""
