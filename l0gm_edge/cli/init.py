"""`l0gm-edge init`: a first recipe for a person's own model and data."""

from __future__ import annotations

from pathlib import Path

import click

from l0gm_edge.cli._output import OutputFile, json_option, print_json
from l0gm_edge.cli._own_code import pythonpath_option


@click.command("init", short_help="Write a first recipe for your own model and data.")
@click.option("--model", required=True, metavar="ENTRY", help="package.module:function that returns an nn.Module.")
@click.option("--data", required=True, metavar="ENTRY", help="package.module:function that returns a Dataset.")
@click.option("--hardware", "profile", required=True, metavar="PROFILE", help="A shipped profile's name, or a path.")
@click.option(
    "--target", default="active_fraction=0.5", show_default=True, metavar="KEY=VALUE", help="See gates.target."
)
@click.option("--out", type=OutputFile(), metavar="FILE", default=Path("recipe.yaml"), show_default=True)
@pythonpath_option
@json_option
def command(
    model: str, data: str, profile: str, target: str, out: Path, pythonpath: tuple[Path, ...], as_json: bool
) -> None:
    """Write a commented recipe that runs, and tell what of the model can be cut.

    The data is loaded and the model built, run, gated and exported first; nothing is written when that fails, or when
    the file is there already.
    """
    from l0gm_edge.pipeline.starting import start

    found = start(model, data, profile, target, out, pythonpath)
    if as_json:
        print_json({"recipe": str(out), "description": found})
        return
    own = "".join(f" --pythonpath {folder}" for folder in pythonpath)
    click.echo(f"{found}\n\nwrote {out}; next: l0gm-edge run {out} --hardware {profile}{own}")
