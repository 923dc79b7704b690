"""`l0gm-edge data`: the data sets that are known, and how to get them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from l0gm_edge.cli._output import json_option, listener, print_json

if TYPE_CHECKING:
    from pathlib import Path

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    help="Folder of prepared data sets (default: L0GM_EDGE_DATA, else l0gm-edge/data in your cache folder).",
)


@click.group("data")
def command() -> None:
    """List and fetch data sets."""


@command.command("list")
@data_dir_option
@json_option
def list_datasets(data_dir: str | None, as_json: bool) -> None:
    """List the data sets, and whether the data folder has their files."""
    from l0gm_edge import data
    from l0gm_edge.core import plugins
    from l0gm_edge.data._fetch import is_present

    folder = _folder(data_dir)
    known = {name: data.plugin(name) for name in plugins.names("l0gm_edge.data")}
    rows = [
        {"name": name, "summary": one.SUMMARY, "files": one.PREPARED, "present": is_present(one, folder)}
        for name, one in known.items()
    ]
    if as_json:
        print_json({"folder": str(folder), "data": rows})
        return
    click.echo(f"data folder: {folder}")
    width = max(map(len, known))
    for row in rows:
        state = "here" if row["present"] else "to fetch"
        click.echo(f"{row['name']:{width}} {state:8} {row['summary']}")


@command.command("fetch")
@click.argument("name")
@data_dir_option
@json_option
def fetch_dataset(name: str, data_dir: str | None, as_json: bool) -> None:
    """Download NAME from its public source, verify it, and prepare it in the data folder."""
    from l0gm_edge.data._fetch import fetch

    folder = _folder(data_dir)
    with listener(as_json=as_json) as progress:
        fetched = fetch(name, folder, progress)
    if as_json:
        print_json(fetched)
    elif not fetched.files:
        click.echo(f"{name} comes with an installed package: there is nothing to fetch")
    else:
        click.echo(f"{', '.join(fetched.files)} {'prepared' if fetched.made else 'already sound'} in {folder}")


def _folder(data_dir: str | None) -> Path:
    from pathlib import Path

    from l0gm_edge.data import default_folder

    return Path(data_dir) if data_dir else default_folder()
