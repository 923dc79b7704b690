"""Checks. Each public file of this folder is one; all conform to `CheckPlugin`."""

from __future__ import annotations

from typing import Protocol, cast

from l0gm_edge.core import plugins
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.verdict import Verdict


class CheckPlugin(Protocol):
    """What a file of this folder defines."""

    def check(self, evidence: Evidence) -> tuple[Verdict, ...]:
        """Verdicts on each compressed artifact it speaks of, or on the run (their `artifact` is null)."""


def names() -> tuple[str, ...]:
    """Every check, sorted."""
    return plugins.names(__name__)


def plugin(name: str) -> CheckPlugin:
    """The check of this name. Raises RecipeError when there is none."""
    return cast(CheckPlugin, plugins.load(__name__, name))
