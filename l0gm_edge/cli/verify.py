"""`l0gm-edge verify`: is a bundle intact, and do its models still give the expected outputs?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from l0gm_edge.cli._output import json_option, print_json

if TYPE_CHECKING:
    from l0gm_edge.bundle.verify import Verification


@click.command("verify", short_help="Re-check a bundle's digests and run its samples.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--public-key", type=click.Path(path_type=Path), help="The PEM file of the key that must have signed it.")
@json_option
def command(bundle: Path, public_key: Path | None, as_json: bool) -> int:
    """Re-check every digest of BUNDLE, run each model on the sample inputs and compare with the expected outputs.

    Ends with 0 when all is well, 1 when a model's outputs are off, 2 when the bundle was changed, is none or is not
    signed by the key given, and 3 when a runtime is not installed here.
    """
    from l0gm_edge.bundle.verify import verify
    from l0gm_edge.check.outcome import EXIT_STATUS
    from l0gm_edge.core.verdict import worst

    found = verify(bundle, public_key=public_key)
    if as_json:
        print_json(found)
    else:
        _tell(found)
    return EXIT_STATUS[worst(found.verdicts)]


def _tell(found: Verification) -> None:
    click.echo(f"{found.name}: {found.files} files intact, bundle sha256 {found.bundle_sha256}")
    click.echo(f"signed by {found.signed_by}" if found.signed_by else "not signed")
    for verdict in found.verdicts:
        click.echo(f"{verdict.status:<12}  {verdict.artifact}: {verdict.reason}")
