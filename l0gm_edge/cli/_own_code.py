"""What commands share that run the person's own code: the option that says where it lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])


def pythonpath_option(function: F) -> F:
    """The option `--pythonpath`, as often as there are folders; its parameter is `pythonpath`."""
    return click.option(
        "--pythonpath",
        multiple=True,
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of your own code, where the recipe names some and it is not installed; may repeat.",
    )(function)
