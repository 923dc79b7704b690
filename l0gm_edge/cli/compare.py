"""`l0gm-edge compare`: the regression gate."""

from __future__ import annotations

from pathlib import Path

import click

from l0gm_edge.cli._fleet import compare_all, fleet_options, members, require_no_folder
from l0gm_edge.cli._output import OutputFile, json_option, listener, print_json, write_output
from l0gm_edge.cli._waiting import wait_option

FILE = OutputFile()


@click.command("compare", short_help="Is a model slower, larger or worse than its baseline?")
@click.argument("baseline")
@click.argument("candidate")
@fleet_options
@click.option("--attempts", type=click.IntRange(1, 10), default=3, show_default=True, help="Sessions at most.")
@click.option("--processes", type=click.IntRange(4, 100), default=10, show_default=True, help="Of each session.")
@click.option("--layers", is_flag=True, help="Also time every operator of both.")
@click.option("--report", metavar="FILE", type=FILE, help="Also write a page of it; profiles operators too.")
@click.option("--markdown", metavar="FILE", type=FILE, help="Also write a table for a pull request.")
@click.option("--junit", metavar="FILE", type=FILE, help="Also write JUnit XML.")
@click.option("--samples", metavar="FILE", type=FILE, help="Also write everything measured, as JSON.")
@click.option("--github", is_flag=True, help="Print GitHub annotations too.")
@wait_option
@json_option
def command(
    baseline: str,
    candidate: str,
    profiles: tuple[str, ...],
    out: Path | None,
    attempts: int,
    processes: int,
    layers: bool,
    report: Path | None,
    markdown: Path | None,
    junit: Path | None,
    samples: Path | None,
    github: bool,
    as_json: bool,
) -> int:
    """Time CANDIDATE beside BASELINE and say PASS, FAIL or INCONCLUSIVE.

    Each is a model file, the folder of a bundle or a run, or git:REVISION:PATH of one of these. Limits are those under
    `regression` in the profile. Ends with 0, 1 or 3; on several devices with the worst of theirs.
    """
    from l0gm_edge.check.outcome import EXIT_STATUS
    from l0gm_edge.core.errors import RefusedInput
    from l0gm_edge.measure.ab import Effort
    from l0gm_edge.pipeline.comparing import compare
    from l0gm_edge.report import comparison, comparison_page

    if as_json and github:
        raise RefusedInput("--json leaves no room for --github on standard output", allowed="one of them")
    devices_asked = members(profiles)
    if len(devices_asked) > 1:
        if markdown or junit or samples or github:
            raise RefusedInput(
                "--markdown, --junit, --samples and --github are of one device", allowed="--report, --json"
            )
        given = {"attempts": attempts, "processes": processes, "layers": bool(layers or report)}
        return compare_all(baseline, candidate, devices_asked, given, out, report, as_json=as_json)
    require_no_folder(out)
    hardware = devices_asked[0].hardware
    with listener(as_json=as_json) as progress:
        found = compare(
            baseline,
            candidate,
            hardware,
            attempts=attempts,
            effort=Effort(processes=processes),
            with_operators=layers or report is not None,
            progress=progress,
        )
    if report:
        write_output(report, comparison_page.render(found))
    if markdown:
        write_output(markdown, comparison.markdown(found))
    if junit:
        write_output(junit, comparison.junit(found))
    if samples:
        write_output(samples, found)
    if as_json:
        print_json(found)
    else:
        from l0gm_edge.cli._comparison_table import show

        show(found)
    if github:
        click.echo(comparison.github(found), nl=False)
    return EXIT_STATUS[found.status]
