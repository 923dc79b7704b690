"""`l0gm-edge check`: the verdicts of a run."""

from __future__ import annotations

from pathlib import Path

import click

from l0gm_edge.cli._output import print_json
from l0gm_edge.cli._stage import stage_command


def _tell(folder: Path, as_json: bool) -> int:
    from l0gm_edge.check.outcome import Outcome, exit_status
    from l0gm_edge.core.store import read_value

    outcome = read_value(Outcome, folder / "check" / "outcome.json")
    if as_json:
        print_json(outcome)
    else:
        for verdict in outcome.verdicts:
            click.echo(f"{verdict.status:<12}  {verdict.artifact or 'run'}: {verdict.check}: {verdict.reason}")
    return exit_status(outcome.verdicts)


command = stage_command("check", "Judge what the device returned against the limits.", _tell)
