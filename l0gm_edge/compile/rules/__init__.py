"""What a runtime's releases refuse or compute wrongly, told from a file. Each public file of this folder knows it for
the runtime it is named after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from l0gm_edge.core import plugins
from l0gm_edge.core.problem import Problem


@dataclass(frozen=True)
class Target:
    """What is known of a device's runtime: the profile's range of versions, and what is installed there: distribution
    and version."""

    versions: str | None = None
    found: tuple[str, str] | None = None


class Rules(Protocol):
    """What a file of this folder defines."""

    def problems(self, model: Path, target: Target) -> tuple[Problem, ...]:
        """The rules that a model file breaks on the oldest release that the target may have."""


def names() -> tuple[str, ...]:
    """The runtimes that have rules, sorted."""
    return plugins.names(__name__)


def plugin(runtime: str) -> Rules:
    """The rules of a runtime. Raises RecipeError when it has none."""
    return cast(Rules, plugins.load(__name__, runtime))
