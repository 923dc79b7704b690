"""What commands share to speak: the `--json` switch, one JSON document on stdout, progress on stderr, and files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from l0gm_edge.core.progress import Progress
    from l0gm_edge.core.value import Value

F = TypeVar("F", bound=Callable[..., object])


def json_option(function: F) -> F:
    """The switch `--json`; its parameter is `as_json`."""
    told = "Print one JSON document on standard output and nothing else there."
    return click.option("--json", "as_json", is_flag=True, help=told)(function)


def print_json(document: object) -> None:
    """Print a document of typed values, mappings and lists as JSON on standard output."""
    from pydantic_core import to_json

    click.echo(to_json(document, indent=2, inf_nan_mode="constants").decode())


def listener(*, as_json: bool) -> AbstractContextManager[Progress]:
    """Progress bars on a terminal; silence elsewhere, and with `--json`."""
    if as_json or not sys.stderr.isatty():
        from l0gm_edge.core.progress import Silent

        return nullcontext(Silent())
    from l0gm_edge.cli._progress import TerminalProgress

    return TerminalProgress()


class OutputFile(click.Path):
    """A file that a command writes at its end, refused at its beginning where that could not be: no folder is made.

    A misspelt path is to cost a moment, not the measurement.
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False, writable=True)

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path. Raises RefusedInput when its folder is not there, or cannot be written in."""
        from l0gm_edge.core.errors import RefusedInput

        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        folder, option = path.parent, param.opts[0] if param else "the file"
        if not folder.is_dir():
            todo = "make the folder first, or mend the path; nothing was done yet"
            raise RefusedInput(f"the folder of {option} is not there", where=str(path), todo=todo)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise RefusedInput(f"the folder of {option} cannot be written in", where=str(path))
        return path


def write_output(path: Path, content: str | Value) -> None:
    """Write what an OutputFile is to hold: text, or a typed value as JSON. Raises StorageFailed."""
    from l0gm_edge.core import store

    with store.storage_errors(path, todo="free some space, or name another file"):
        if isinstance(content, str):
            store.write_text(path, content)
        else:
            store.write_value(path, content)


def print_yaml(value: Value) -> None:
    """Print a typed value as YAML, in the order of its fields."""
    import yaml

    click.echo(yaml.safe_dump(value.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100), nl=False)
