"""`l0gm-edge compile`: a model that a person brings, for every runtime of a profile; or the export stage of a run."""

from __future__ import annotations

import re
from pathlib import Path

import click

from l0gm_edge.cli._output import json_option, listener, print_json
from l0gm_edge.cli._own_code import pythonpath_option
from l0gm_edge.cli._stage import stage_command
from l0gm_edge.cli._waiting import wait_option

_stage = stage_command("compile", "Export the models for the runtimes of the profile.")
FORM = re.compile(r"([^=]+)=(\d+(?:x\d+)*)(?::(float32|int64))?")


@click.command("compile", short_help="Compile your .onnx, .pt2 or module:function; or redo a run's stage.")
@click.argument("model")
@click.option("--hardware", "profile", metavar="PROFILE", help="A shipped profile's name, or a path.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Bundle  [default: bundles/NAME].")
@click.option("--calibration", metavar="FILE.npz", type=click.Path(path_type=Path), help="Rows by input name.")
@click.option("--shape", "shapes", multiple=True, metavar="NAME=1x3x224x224", help="An input's shape; may repeat.")
@click.option("--runtime", "runtimes", multiple=True, metavar="NAME", help="Only this runtime; may repeat.")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Of a run: its data sets.")
@pythonpath_option
@wait_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    model: str,
    profile: str | None,
    out: Path | None,
    calibration: Path | None,
    shapes: tuple[str, ...],
    runtimes: tuple[str, ...],
    data_dir: Path | None,
    pythonpath: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Compile MODEL for every runtime of a profile, and write a bundle of what is sound and fastest.

    MODEL is an .onnx file, a .pt2 file, or package.module:function. Each file is held against MODEL on random inputs,
    or on those of --calibration, and timed beside the others. In NAME=1x128:int64, the type is that of ids.

    Where MODEL is a folder that `l0gm-edge run` made, its export stage is made again.
    """
    from l0gm_edge.core.errors import RefusedInput

    if Path(model).is_dir():
        if profile or out or calibration or shapes or runtimes:
            raise RefusedInput("a run folder has its own profile and data", where=model, allowed="--data-dir, --json")
        found = context.invoke(_stage, folder=Path(model), data_dir=data_dir, pythonpath=pythonpath, as_json=as_json)
        return int(found)
    if data_dir:
        raise RefusedInput("--data-dir is of a run; a model has no data set", where=model, allowed="--calibration")
    if profile is None:
        raise RefusedInput("--hardware is needed", where=f"compile {model}", todo="see l0gm-edge hardware list")
    from l0gm_edge.core import load

    hardware = load.hardware(profile)
    if foreign := set(runtimes) - {one.name for one in hardware.runtimes}:
        known = ", ".join(one.name for one in hardware.runtimes)
        raise RefusedInput(f"{hardware.name} has no runtime {', '.join(sorted(foreign))}", allowed=known)
    if runtimes:
        kept = tuple(one for one in hardware.runtimes if one.name in runtimes)
        hardware = hardware.model_copy(update={"runtimes": kept})
    given = dict(map(_shape, shapes))
    from l0gm_edge.pipeline.bringing import compile_model, exit_status  # after the refusals, which are told at once

    with listener(as_json=as_json) as progress:
        built = compile_model(
            model,
            hardware,
            out=out,
            calibration=calibration,
            shapes=given,
            pythonpath=pythonpath,
            progress=progress,
        )
    if as_json:
        print_json(built)
    else:
        click.echo(str(built))
    return exit_status(built, hardware)


def _shape(text: str) -> tuple[str, tuple[tuple[int, ...], str]]:
    from l0gm_edge.core.errors import RefusedInput

    found = FORM.fullmatch(text)
    if not found:
        raise RefusedInput(
            f"--shape found '{text}'", allowed="NAME=1x3x224x224 for floats, NAME=1x128:int64 for ids; the batch is 1"
        )
    shape = tuple(map(int, found[2].split("x")))
    if shape[0] != 1 or min(shape) < 1 or len(shape) > 8 or sum(len(one) for one in found[2].split("x")) > 40:
        raise RefusedInput(f"--shape found '{text}'", allowed="a batch of 1 first, and sizes of 1 and more")
    return found[1], (shape, found[3] or "float32")
