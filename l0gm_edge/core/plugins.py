"""A folder is a registry: the files of a plug-in package are its entries, found without importing them."""

from __future__ import annotations

import difflib
import importlib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from l0gm_edge.core.errors import RecipeError


def names(package: str) -> tuple[str, ...]:
    """The plug-ins of a package such as `l0gm_edge.data`: its public file names, sorted, nothing imported."""
    spec = find_spec(package)  # imports the packages above it, and not the package itself
    folders = spec.submodule_search_locations if spec else None
    return tuple(sorted(path.stem for folder in folders or () for path in Path(folder).glob("[!_]*.py")))


def load(package: str, name: str) -> ModuleType:
    """Import one plug-in.

    Raises RecipeError, with the list and the nearest name, when there is no such plug-in.
    """
    known = names(package)
    if name not in known:
        raise RecipeError(
            f"there is no {package.rsplit('.', 1)[1]} named '{name}'" + nearest(name, known),
            where=package,
            allowed=", ".join(known),
        )
    return importlib.import_module(f"{package}.{name}")


def nearest(name: str, known: tuple[str, ...]) -> str:
    """`; did you mean 'x'?` when a known name is close, else nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
