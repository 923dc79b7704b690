"""`l0gm-edge engine`: will TensorRT take an ONNX file, and does the engine compute in the precision asked for?"""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from l0gm_edge.cli._output import OutputFile, json_option, print_json, write_output


@click.command("engine", short_help="Check an .onnx file for TensorRT, and the engine built from it.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--settings", type=click.Path(path_type=Path), help="YAML: shapes, workspace_mb, dla_core, trtexec, ...")
@click.option("--trtexec", "version", help="Also print what trtexec of this TensorRT version is called with.")
@click.option("--out", type=OutputFile(), help="Write the description that a device builds from.")
@click.option(
    "--layers", type=click.Path(path_type=Path), help="What the engine's inspector said: trtexec's layer JSON."
)
@json_option
def command(
    model: Path, settings: Path | None, version: str | None, out: Path | None, layers: Path | None, as_json: bool
) -> int:
    """Hold MODEL against the rules of TensorRT 10 and 11, and let TensorRT or TensorRT-RTX, if installed, build it.

    With --layers, read the precision of every heavy node off the engine; wider than the file asks for is a failure.
    Ends with 0 when all is well, 1 when TensorRT will not take the file or a node runs wider, 2 when MODEL is no ONNX
    file, and 3 when nothing could be asked.
    """
    from l0gm_edge.check.engine import judge
    from l0gm_edge.check.outcome import EXIT_STATUS
    from l0gm_edge.core import load
    from l0gm_edge.core.engine import EngineSettings
    from l0gm_edge.core.verdict import worst

    found = judge(model, load.engine(settings) if settings else EngineSettings(), layers, version)
    if out is not None:
        write_output(out, found.description)
    if as_json:
        print_json(found)
    else:
        for verdict in found.verdicts:
            click.echo(f"{verdict.status:<12}  {verdict.check}: {verdict.reason}")
        if found.trtexec:
            click.echo(shlex.join(["trtexec", *found.trtexec]))
    return EXIT_STATUS[worst(found.verdicts)]
