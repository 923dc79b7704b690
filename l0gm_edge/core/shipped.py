"""Recipes and hardware profiles that ship with the package, found by name; anything else is a path."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.plugins import nearest

Kind = Literal["recipes", "hardware"]


def folder(kind: Kind) -> Path:
    """Where shipped files of a kind lie: inside an installed package, or at the top of a source tree."""
    package = Path(__file__).parents[1]
    installed = package / "shipped" / kind
    return installed if installed.is_dir() else package.parent / kind


def names(kind: Kind) -> tuple[str, ...]:
    """The shipped names of a kind, sorted."""
    return tuple(sorted(path.stem for path in folder(kind).glob("*.yaml")))


def find(kind: Kind, name_or_path: str) -> Path:
    """The file of a shipped name, or the path itself.

    Raises RecipeError, with the list and the nearest name, when there is neither.
    """
    by_name = folder(kind) / f"{name_or_path}.yaml"
    if name_or_path in names(kind):
        return by_name
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = names(kind)
    raise RecipeError(
        f"there is no file and no shipped {kind} entry '{name_or_path}'" + nearest(path.stem, known),
        allowed=f"a path to a .yaml file, or one of {', '.join(known)}",
    )
