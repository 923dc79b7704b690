"""`l0gm-edge hardware`: the devices that are known, and what is known of each."""

from __future__ import annotations

import click

from l0gm_edge.cli._output import json_option, print_json, print_yaml


@click.group("hardware")
def command() -> None:
    """List and show hardware profiles."""


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
