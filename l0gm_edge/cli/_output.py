"""What commands share to speak: the `--json` switch, one JSON document on stdout, and progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
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


def print_yaml(value: Value) -> None:
    """Print a typed value as YAML, in the order of its fields."""
    import yaml

    click.echo(yaml.safe_dump(value.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100), nl=False)
