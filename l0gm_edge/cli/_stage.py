"""A command that makes one stage of a run folder again, with whatever it needs that is missing."""

from __future__ import annotations

from pathlib import Path

import click

from l0gm_edge.cli._output import json_option, listener, print_json


def stage_command(stage: str, summary: str) -> click.Command:
    """The command of a stage: `l0gm-edge STAGE RUN_DIR`."""

    @click.command(
        stage,
        help=f"{summary}\n\nRUN_DIR is the folder that `l0gm-edge run` made; it holds the recipe and the profile.",
    )
    @click.argument("folder", metavar="RUN_DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
    @click.option(
        "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the prepared data sets."
    )
    @json_option
    def command(folder: Path, data_dir: Path | None, as_json: bool) -> int:
        return _make(folder, stage, data_dir, as_json=as_json)

    return command


def _make(folder: Path, stage: str, data_dir: Path | None, *, as_json: bool) -> int:
    from l0gm_edge.core.errors import RefusedInput
    from l0gm_edge.core.store import RunFolder

    if not (folder / "recipe.json").is_file():
        raise RefusedInput(
            "this is not a run folder: it holds no recipe.json",
            where=str(folder),
            todo="l0gm-edge run RECIPE --hardware PROFILE makes one",
        )
    from l0gm_edge.pipeline import run_stage  # after the refusal: it brings torch

    with listener(as_json=as_json) as progress:
        run_stage(folder, stage, data_dir, progress)
    record = RunFolder(folder).record(stage)
    if as_json:
        print_json(record)
    else:
        click.echo(f"{stage}: {folder / stage}")
    return 0
