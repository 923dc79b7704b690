"""`l0gm-edge hardware`: the devices that are known, and what is known of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from l0gm_edge.cli._output import OutputFile, json_option, listener, print_json, print_yaml, write_output
from l0gm_edge.cli._recipe_options import hardware_option, recipe_options
from l0gm_edge.cli._waiting import wait_option

if TYPE_CHECKING:
    from l0gm_edge.pipeline.tabulating import Summary


@click.group("hardware")
def command() -> None:
    """Hardware profiles: list, show, make one; what widths cost on it."""


@command.command("list")
@json_option
def list_profiles(as_json: bool) -> None:
    """List the hardware profiles that ship with the package."""
    from l0gm_edge.core import load, shipped

    profiles = [load.hardware(name) for name in shipped.names("hardware")]
    if as_json:
        rows = [
            {"name": one.name, "title": one.title, "runtimes": [runtime.name for runtime in one.runtimes]}
            for one in profiles
        ]
        print_json(rows)
    else:
        for one in profiles:
            click.echo(f"{one.name:16} {one.title}  ({', '.join(runtime.name for runtime in one.runtimes)})")


@command.command("show")
@click.argument("profile")
@json_option
def show(profile: str, as_json: bool) -> None:
    """Print PROFILE (a shipped name or a path), checked, with every default filled in; null is unknown or unlimited."""
    from l0gm_edge.core import load

    loaded = load.hardware(profile)
    if as_json:
        print_json(loaded)
    else:
        print_yaml(loaded)


@command.command("probe")
@click.option(
    "--ssh", "login", metavar="[USER@]HOST", help="Ask the board at the other end of SSH.  [default: this machine]"
)
@click.option("--adb", "serial", metavar="SERIAL", help="Ask the Android device that `adb devices` lists so.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of its SSH server, or of adb's.  [default: 22, or 5037]"
)
@click.option("--python", help="The Python on the device that has its runtimes.")
@click.option("--write", "file", type=OutputFile(), metavar="FILE", help="Fill in, or make, this profile.")
@json_option
def probe(
    login: str | None, serial: str | None, port: int | None, python: str | None, file: Path | None, as_json: bool
) -> None:
    """Ask a device what it is, and print its profile.

    With --write the profile in FILE is filled in: what the device tells replaces what stood there, the rest stays as it
    is, comments too. Without --ssh and --adb the device of FILE is asked, or this machine.
    """
    from l0gm_edge.pipeline import probing

    if login and serial:
        raise click.UsageError("--ssh and --adb are two ways; give one")
    user, _, host = (login or "").rpartition("@")
    kind = "ssh" if login else "adb" if serial else None
    way = {"kind": kind, "address": host or serial, "user": user, "port": port, "python": python}
    found = probing.probe({key: value for key, value in way.items() if value}, file)
    if as_json:
        print_json(found)
    else:
        print_yaml(found)
        if file is not None:
            click.echo(f"written to {file}", err=True)


@command.command("tabulate")
@recipe_options
@hardware_option
@click.option("--out", type=OutputFile(), metavar="FILE", help="Also write the tables to this file.")
@wait_option
@json_option
def tabulate(
    recipe: str,
    profile: str,
    out: Path | None,
    data_dir: Path | None,
    overrides: tuple[str, ...],
    pythonpath: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Time cuts of RECIPE's model on a device, so that a target can be given in milliseconds.

    A run with such a target does this by itself; what was timed before is not timed again.
    """
    from l0gm_edge.core import load

    what, device = load.recipe(recipe, overrides), load.hardware(profile)
    from l0gm_edge.pipeline import tables, tabulating  # after the refusals, which are told at once

    with listener(as_json=as_json) as progress:
        found = tables.tabulate(what, device, data_dir, progress, pythonpath)
    if out is not None:
        write_output(out, found)
    rows = tabulating.summaries(found)
    if as_json:
        print_json(rows)
    else:
        click.echo("\n\n".join(map(_told, rows)))


def _told(row: Summary) -> str:
    least, most = row.control
    lines = {
        "dense": f"{row.dense_ms:.4g} ms, of which {row.fixed_ms:.3g} ms are the runtime's own; "
        f"p90 is {row.p90_over_p50:.2f} times as long",
        "cuts": f"{row.cuts} timed; {row.held_out.rows} held out are predicted within {row.held_out.median:.1%} "
        f"(median), {row.held_out.p90:.1%} (p90)",
        "control": f"the dense model, rebuilt, takes {least:.3f} to {most:.3f} times as long as itself",
        "table": row.path,
    }
    threads = "1 thread" if row.threads == 1 else f"{row.threads} threads"
    title = f"{row.hardware} ({row.processor}): {row.runtime} {row.scheme}, {threads}"
    return "\n".join([title, *(f"  {name:8} {text}" for name, text in lines.items())])
