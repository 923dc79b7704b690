"""`l0gm-edge profile`: time any model file on a device."""

from __future__ import annotations

from pathlib import Path

import click

from l0gm_edge.cli._fleet import fleet_options, members, profile_all
from l0gm_edge.cli._output import json_option, listener, print_json
from l0gm_edge.cli._waiting import wait_option

REPORT = click.Path(path_type=Path, dir_okay=False)


@click.command("profile", short_help="Time any .onnx, .ort, .tflite or .engine file on a device.")
@click.argument("model", type=click.Path(path_type=Path))
@fleet_options
@click.option("--threads", type=click.IntRange(min=1), help="Threads of one inference (default: the profile's).")
@click.option("--processes", type=click.IntRange(min=1), default=3, show_default=True, help="Fresh processes.")
@click.option(
    "--runs", type=click.IntRange(min=1), default=250, show_default=True, help="Timed runs in each, rounded up to tens."
)
@click.option("--layers", is_flag=True, help="Also time every operator.")
@click.option("--report", metavar="FILE", type=REPORT, help="Also write a page of it; times every operator too.")
@wait_option
@json_option
def command(
    model: Path,
    profiles: tuple[str, ...],
    out: Path | None,
    threads: int | None,
    processes: int,
    runs: int,
    layers: bool,
    report: Path | None,
    as_json: bool,
) -> int:
    """Time MODEL with random inputs of its declared shapes (free axes as 1), in fresh processes without torch.

    A .trt.onnx file's engine is built on the device first, unless it is kept there. On several devices, or of the
    folder of a bundle or run, each model is held against each device's budgets; what is known in --out is not measured
    again.
    """
    from l0gm_edge import devices
    from l0gm_edge.core.recipe import Measure
    from l0gm_edge.measure.single import profile_model, runtime_of
    from l0gm_edge.pipeline import installed

    devices_asked = members(profiles)
    if len(devices_asked) > 1 or model.is_dir():
        given = {"threads": threads, "processes": processes, "runs": runs, "layers": bool(layers or report)}
        return profile_all(model, devices_asked, given, out, report, as_json=as_json)
    hardware = devices_asked[0].hardware
    runtime_of(model, hardware)  # refused before anything is started
    installed.require_providers(hardware)
    settings = Measure(processes=processes, blocks=-(-runs // 10), runs_per_block=min(runs, 10))
    with devices.opened(hardware) as device, listener(as_json=as_json) as progress:
        found = profile_model(
            device,
            hardware,
            model,
            threads=threads,
            with_layers=layers or report is not None,
            settings=settings,
            progress=progress,
        )
    if report is not None:
        from l0gm_edge.core import store
        from l0gm_edge.report import profile_page

        store.write_text(report, profile_page.render(found))
    if as_json:
        print_json(found)
    else:
        from l0gm_edge.cli._profile_table import show

        show(found)
    return 0
