"""A command that makes one stage of a run folder again, with whatever it needs that is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from l0gm_edge.cli._output import json_option, listener, print_json
from l0gm_edge.cli._own_code import pythonpath_option
from l0gm_edge.cli._waiting import wait_option

Tell = Callable[[Path, bool], int]
DATA_DIR = click.Path(path_type=Path, file_okay=False)


def stage_command(stage: str, summary: str, tell: Tell | None = None) -> click.Command:
    """The command of a stage: `l0gm-edge STAGE RUN_DIR`.

    `tell(run_folder, as_json)` speaks of what the stage left and returns the exit status; without it, its record is
    told and the status is 0.
    """

    @click.command(stage, help=f"{summary}\n\nRUN_DIR is the folder that `l0gm-edge run` made.")
    @click.argument("folder", metavar="RUN_DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
    @click.option("--data-dir", type=DATA_DIR, help="Folder of the prepared data sets.")
    @pythonpath_option
    @wait_option
    @json_option
    def command(folder: Path, data_dir: Path | None, pythonpath: tuple[Path, ...], as_json: bool) -> int:
        _make(folder, stage, data_dir, pythonpath, as_json=as_json)
        return tell(folder, as_json) if tell else _tell_record(folder, stage, as_json=as_json)

    return command


def _make(folder: Path, stage: str, data_dir: Path | None, pythonpath: tuple[Path, ...], *, as_json: bool) -> None:
    from l0gm_edge.core.errors import RefusedInput

    if not (folder / "recipe.json").is_file():
        raise RefusedInput(
            "this is not a run folder: it holds no recipe.json",
            where=str(folder),
            todo="l0gm-edge run RECIPE --hardware PROFILE makes one",
        )
    from l0gm_edge.pipeline import run_stage

    with listener(as_json=as_json) as progress:
        run_stage(folder, stage, data_dir, progress, pythonpath)


def _tell_record(folder: Path, stage: str, *, as_json: bool) -> int:
    from l0gm_edge.core.store import RunFolder

    if as_json:
        print_json(RunFolder(folder).record(stage))
    else:
        click.echo(f"{stage}: {folder / stage}")
    return 0
