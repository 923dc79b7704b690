"""What every command that starts from a recipe takes: RECIPE, its data, and what to override; and one device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from l0gm_edge.cli._own_code import pythonpath_option

F = TypeVar("F", bound=Callable[..., object])


def hardware_option(function: F) -> F:
    """The option `--hardware`, of one device; its parameter is `profile`."""
    told = "A shipped profile's name, or a path."
    return click.option("--hardware", "profile", required=True, metavar="PROFILE", help=told)(function)


def recipe_options(function: F) -> F:
    """The parameters `recipe`, `data_dir`, `overrides` and `pythonpath`."""
    folder = click.Path(path_type=Path, file_okay=False)
    function = pythonpath_option(function)
    function = click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a recipe key; may repeat."
    )(function)
    function = click.option("--data-dir", type=folder, help="Folder of the prepared data sets.")(function)
    return click.argument("recipe")(function)
