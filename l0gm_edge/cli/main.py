"""The entry point: every public file of this folder is a command, and every ending is an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, cast

import click

NAME = "l0gm-edge"


class CommandLine(click.Group):
    """A group whose commands are the files beside this one, each defining `command`, imported when needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The public file names of this folder, sorted."""
        files = (path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
        return sorted(name for name in files if name != "main")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command, or None when there is no such file."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return cast(click.Command, import_module(f"l0gm_edge.cli.{cmd_name}").command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one is answered with the nearest name."""
        known = tuple(self.list_commands(ctx))
        if args[0] not in known and not args[0].startswith("-"):
            from l0gm_edge.core.errors import RefusedInput
            from l0gm_edge.core.plugins import nearest

            what = f"there is no command '{args[0]}'{nearest(args[0], known)}"
            raise RefusedInput(what, allowed=", ".join(known), todo=f"see {NAME} --help")
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run a command line and leave with its exit status: that of the error, or what the command returned."""
        from l0gm_edge.cli._ending import status_of

        arguments = list(sys.argv[1:] if args is None else args)
        walk = super().main
        sys.exit(status_of(lambda: walk(arguments, NAME, standalone_mode=False), as_json="--json" in arguments))


@click.group(
    NAME,
    cls=CommandLine,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 every verdict passed; 1 a verdict failed; 2 wrong usage or a refused input; "
    "3 inconclusive; 4 a device, transport or tool failed; 130 interrupted.",
)
@click.version_option(package_name="l0gm-edge", prog_name=NAME)
def main() -> None:
    """Learn what a multimodal PyTorch model needs, cut out the rest, and prove it on the device.

    The road: learn, prune, recover, quantize, compile, measure, check, report, bundle. `run` walks all of it; each
    stage can be made again on its own. `--json` on any command prints one JSON document on standard output and nothing
    else.
    """
