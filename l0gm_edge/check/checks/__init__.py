"""Checks. Each public file of this folder is one; all conform to `CheckPlugin`."""

from __future__ import annotations

from typing import Protocol, cast

from l0gm_edge.core import plugins
from l0gm_edge.core.evidence import Evidence, Labelled, Readings
from l0gm_edge.core.verdict import Verdict


class CheckPlugin(Protocol):
    """What a file of this folder defines."""

    def check(self, evidence: Evidence) -> tuple[Verdict, ...]:
        """Verdicts on each compressed artifact it speaks of, or on the run (their `artifact` is null)."""


class ReadingsCheck(Protocol):
    """A check that needs no recipe: what the device returned is enough."""

    def check(self, evidence: Readings) -> tuple[Verdict, ...]:
        """Verdicts on each artifact it speaks of."""


class LabelledCheck(Protocol):
    """A check of what the device answered against the true classes."""

    def check(self, evidence: Labelled) -> tuple[Verdict, ...]:
        """Verdicts on each artifact it speaks of."""


def names() -> tuple[str, ...]:
    """Every check, sorted."""
    return plugins.names(__name__)


def plugin(name: str) -> CheckPlugin:
    """The check of this name. Raises RecipeError when there is none."""
    return cast(CheckPlugin, plugins.load(__name__, name))


def on_readings(name: str) -> ReadingsCheck:
    """The check of this name, which must be one that needs no recipe. Raises RecipeError when there is none."""
    return cast(ReadingsCheck, plugins.load(__name__, name))


def on_labelled(name: str) -> LabelledCheck:
    """The check of this name, which must be one that needs no recipe. Raises RecipeError when there is none."""
    return cast(LabelledCheck, plugins.load(__name__, name))
