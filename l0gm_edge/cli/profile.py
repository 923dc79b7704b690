"""`l0gm-edge profile`: time any model file on a device."""

from __future__ import annotations

from pathlib import Path

import click

from l0gm_edge.cli._output import json_option, listener, print_json

DISTURBED = 3
DURATION = "DURATION"


@click.command("profile", short_help="Time any .onnx, .ort, .tflite or .engine file on a device.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--hardware", "profile", required=True, help="Hardware profile: a shipped name or a path.")
@click.option("--threads", metavar="N[,N...]", help="Threads of one inference; several are timed side by side.")
@click.option("--processes", type=click.IntRange(min=1), default=3, show_default=True, help="Fresh processes.")
@click.option(
    "--runs", type=click.IntRange(min=1), default=250, show_default=True, help="Timed runs in each, rounded up to tens."
)
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
@json_option
def command(
    model: Path,
    profile: str,
    threads: str | None,
    processes: int,
    runs: int,
    min_duration: str | None,
    min_queries: int | None,
    scenario: str,
    batch: int,
    sustained: str | None,
    layers: bool,
    as_json: bool,
) -> int:
    """Time MODEL with random inputs of its declared shapes (free axes as 1), in fresh processes without torch.

    A .trt.onnx file's engine is built on the device first, unless it is kept there. Ends with 3 where the device was
    throttled, or otherwise not as its profile says; not so with --sustained.
    """
    from l0gm_edge import devices
    from l0gm_edge.core import duration, load
    from l0gm_edge.measure import profiling
    from l0gm_edge.pipeline import installed

    hardware = load.hardware(profile)
    wanted = profiling.Wanted(
        threads=profiling.numbers(threads) if threads else (),
        processes=processes,
        runs=runs,
        layers=layers,
        scenario=profiling.Scenario(scenario),
        min_seconds=duration.seconds(min_duration) if min_duration else None,
        min_queries=min_queries,
        batch=batch,
        sustained_s=duration.seconds(sustained) if sustained else None,
    )
    profiling.require_sound(wanted, model, hardware)  # before anything is started
    installed.require_providers(hardware)
    with devices.plugin(hardware.transport.kind).connect(hardware) as device, listener(as_json=as_json) as progress:
        found = profiling.profile(device, hardware, model, wanted, progress)
    if as_json:
        print_json(found)
    else:
        from l0gm_edge.cli._profile_table import show

        show(found)
    return DISTURBED if found.disturbed and not sustained else 0
