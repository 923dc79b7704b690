"""How a command line ends: every error becomes a short message, or one JSON document, and an exit status."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import click

from l0gm_edge.core.errors import L0GMEdgeError, RefusedInput

INTERRUPTED = 130


def status_of(command: Callable[[], object], *, as_json: bool) -> int:
    """Run a command and return its exit status; what went wrong is told on stderr, or as JSON on stdout."""
    try:
        returned = command()
    except L0GMEdgeError as error:
        return _tell(error, error.exit_status, as_json=as_json)
    except click.Abort:
        stopped = L0GMEdgeError("interrupted", todo="run the same command again; finished stages are kept")
        return _tell(stopped, INTERRUPTED, as_json=as_json)
    except click.ClickException as error:
        return _tell(_usage(error), RefusedInput.exit_status, as_json=as_json)
    except Exception as error:
        return _tell(_unexpected(error), L0GMEdgeError.exit_status, as_json=as_json)
    return returned if isinstance(returned, int) else 0


def _tell(error: L0GMEdgeError, status: int, *, as_json: bool) -> int:
    if as_json:
        import json

        parts = {"what": error.what, "where": error.where, "allowed": error.allowed, "todo": error.todo}
        click.echo(json.dumps({"error": parts}, indent=2, ensure_ascii=False))
    else:
        click.echo(f"error: {error}", err=True)
    return status


def _usage(error: click.ClickException) -> RefusedInput:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else None
    return RefusedInput(error.format_message(), where=path, todo=f"see {path} --help" if path else None)


def _unexpected(error: Exception) -> L0GMEdgeError:
    """A fault of ours: one line, and the traceback in a file (or on stderr, with L0GM_EDGE_TRACEBACK=1)."""
    text = "".join(traceback.format_exception(error))
    if os.environ.get("L0GM_EDGE_TRACEBACK") == "1":
        sys.stderr.write(text)
        where = "the traceback above"
    else:
        where = _written(text)
    first_line = str(error).partition("\n")[0]
    return L0GMEdgeError(
        f"unexpected {type(error).__name__}: {first_line}",
        where=where,
        todo="this is a fault of l0gm-edge: please report it",
    )


def _written(text: str) -> str:
    import tempfile

    try:
        with tempfile.NamedTemporaryFile("w", prefix="l0gm-edge-", suffix=".txt", delete=False) as file:
            file.write(text)
    except OSError:  # a full disk may be what went wrong in the first place
        return "run again with L0GM_EDGE_TRACEBACK=1 to see the traceback"
    return file.name
