"""`l0gm-edge run`: the whole road, from a recipe to a report and a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from l0gm_edge.cli._fleet import members, profiles_option, run_all
from l0gm_edge.cli._output import json_option, listener
from l0gm_edge.cli._recipe_options import recipe_options
from l0gm_edge.cli._summary import tell_report
from l0gm_edge.cli._waiting import wait_option


@click.command("run", short_help="Walk the whole road: from a recipe to report and bundle.")
@recipe_options
@profiles_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder  [default: runs/NAME].")
@wait_option
@json_option
def command(
    recipe: str,
    profiles: tuple[str, ...],
    out: Path | None,
    data_dir: Path | None,
    overrides: tuple[str, ...],
    pythonpath: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Learn, cut, quantize, compile, measure and check RECIPE for a device.

    RECIPE is a shipped recipe's name or a path. Stages that are finished and unchanged are reused; an interrupted run
    goes on where it stopped. For several devices there is a run folder a device in --out; what they learn alike is
    learned once.
    """
    from l0gm_edge.core import load

    what, devices = load.recipe(recipe, overrides), members(profiles)
    if len(devices) > 1:
        given = [part for one in overrides for part in ("--set", one)]
        given += ["--data-dir", str(data_dir)] if data_dir else []
        given += [part for one in pythonpath for part in ("--pythonpath", str(one))]
        return run_all(recipe, what.name, devices, given, out, as_json=as_json)
    folder = out or Path("runs") / what.name
    from l0gm_edge.pipeline import run  # after the refusals, which are told at once

    with listener(as_json=as_json) as progress:
        report = run(what, devices[0].hardware, folder, data_dir, progress, pythonpath)
    return tell_report(report, folder, as_json=as_json)
