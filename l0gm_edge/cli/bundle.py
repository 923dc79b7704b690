"""`l0gm-edge bundle`: what ships of a run, signed when asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from l0gm_edge.cli._stage import stage_command

_made = stage_command("bundle", "Put together what ships of a run; sign it when asked.")
_sign = click.Option(
    ["--sign"],
    metavar="KEY",
    type=click.Path(path_type=Path),
    help="Sign it with this Ed25519 private key, a PEM file.",
)


@click.pass_context
def _make_and_sign(context: click.Context, /, folder: Path, sign: Path | None, **given: Any) -> Any:
    from l0gm_edge.bundle import signature

    if sign:
        signature.read_private_key(sign)  # better refused before the work
    status = context.invoke(_made, folder=folder, **given)
    if sign:
        signature.sign(folder / "bundle", sign)
    return status


command = click.Command("bundle", params=[*_made.params, _sign], callback=_make_and_sign, help=_made.help)
