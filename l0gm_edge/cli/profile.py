"""`l0gm-edge profile`: time any model file on a device."""

from __future__ import annotations

from pathlib import Path

import click

from l0gm_edge.cli._fleet import fleet_options, members, profile_all, require_no_folder
from l0gm_edge.cli._output import OutputFile, json_option, listener, print_json, write_output
from l0gm_edge.cli._waiting import wait_option

DISTURBED = 3
DURATION = "DURATION"


@click.command("profile", short_help="Time any .onnx, .ort, .tflite or .engine file on a device.")
@click.argument("model", type=click.Path(path_type=Path))
@fleet_options
@click.option("--threads", metavar="N[,N...]", help="Threads of one inference; several are timed side by side.")
@click.option("--processes", type=click.IntRange(min=1), help="Fresh processes.  [default: 3]")
@click.option("--runs", type=click.IntRange(min=1), help="Timed runs in each, rounded up to tens.  [default: 250]")
@click.option("--min-duration", metavar=DURATION, help="Instead of --runs: at least so long, in all (60s, 10m).")
@click.option("--min-queries", type=click.IntRange(min=1), help="Instead of --runs: at least so many, in all.")
@click.option(
    "--scenario",
    type=click.Choice(["single-stream", "offline"]),
    default="single-stream",
    show_default=True,
    help="The next sample when the last is done, or all at once.",
)
@click.option("--batch", type=click.IntRange(min=1), default=1, help="Samples of one inference, for offline.")
@click.option("--sustained", metavar=DURATION, help="Without a pause for so long: latency, heat and clock over time.")
@click.option("--layers", is_flag=True, help="Also time every operator.")
@click.option("--report", metavar="FILE", type=OutputFile(), help="Also write a page; a single stream's has operators.")
@wait_option
@json_option
def command(
    model: Path,
    profiles: tuple[str, ...],
    out: Path | None,
    threads: str | None,
    processes: int | None,
    runs: int | None,
    min_duration: str | None,
    min_queries: int | None,
    scenario: str,
    batch: int,
    sustained: str | None,
    layers: bool,
    report: Path | None,
    as_json: bool,
) -> int:
    """Time MODEL with random inputs of its declared shapes (free axes as 1), in fresh processes without torch.

    A .trt.onnx file's engine is built on the device first, unless it is kept there. Ends with 3 where the device was
    throttled, or otherwise not as its profile says; not so with --sustained. On several devices, or of the folder of a
    bundle or run, each model is held against each device's budgets; what is known in --out is not measured again.
    """
    from l0gm_edge import devices
    from l0gm_edge.core import duration
    from l0gm_edge.measure import profiling
    from l0gm_edge.pipeline import installed

    devices_asked = members(profiles)
    wanted = profiling.Wanted(
        threads=profiling.numbers(threads) if threads else (),
        processes=processes,
        runs=runs,
        layers=layers,
        page=report is not None,
        scenario=profiling.Scenario(scenario),
        min_seconds=duration.seconds(min_duration) if min_duration else None,
        min_queries=min_queries,
        batch=batch,
        sustained_s=duration.seconds(sustained) if sustained else None,
    )
    if len(devices_asked) > 1 or model.is_dir():
        profiling.require_single(wanted)
        profiling.require_together(wanted)
        given = {
            "threads": threads,
            "processes": processes,
            "runs": runs,
            "min-duration": min_duration,
            "min-queries": min_queries,
            "layers": wanted.with_operators,
        }
        return profile_all(model, devices_asked, given, out, report, as_json=as_json)
    require_no_folder(out)
    hardware = devices_asked[0].hardware
    profiling.require_sound(wanted, model, hardware)  # before anything is started
    installed.require_providers(hardware)
    with devices.opened(hardware) as device, listener(as_json=as_json) as progress:
        found = profiling.profile(device, hardware, model, wanted, progress)
    if report is not None:
        from l0gm_edge.report import profile_page

        write_output(report, profile_page.render(found))
    if as_json:
        print_json(found)
    else:
        from l0gm_edge.cli._profile_table import show

        show(found)
    return DISTURBED if found.disturbed and not sustained else 0
