"""What commands share that take many devices: their profiles, the folder of answers, and how the whole is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from l0gm_edge.cli._output import listener, print_json, write_output

if TYPE_CHECKING:
    from l0gm_edge.core.fleet import Device, Fleet

F = TypeVar("F", bound=Callable[..., object])
DEFAULT = Path("runs")
Given = Mapping[str, str | int | bool | None]
"""Options of a command by their names, as every device's own command gets them."""


def fleet_options(function: F) -> F:
    """The options `--hardware`, as often as there are devices, and `--out`; parameters `profiles` and `out`."""
    folder = click.Path(path_type=Path, file_okay=False)
    told = "Of several devices: what is known of each  [default: runs/fleet-NAME]."
    return profiles_option(click.option("--out", type=folder, metavar="DIR", help=told)(function))


def profiles_option(function: F) -> F:
    """The option `--hardware`, as often as there are devices; its parameter is `profiles`."""
    return click.option(
        "--hardware",
        "profiles",
        required=True,
        multiple=True,
        metavar="PROFILE",
        help="A shipped profile's name, a path, or a folder of profiles; may repeat.",
    )(function)


def members(named: Sequence[str]) -> list[Device]:
    """The devices of `--hardware`. Raises RecipeError for what is no profile, or a name that stands twice."""
    from l0gm_edge.core import load
    from l0gm_edge.core.errors import RecipeError
    from l0gm_edge.core.fleet import Device

    found: dict[str, Device] = {}
    for text in (one for given in named for one in _files(given)):
        device = Device(text, load.hardware(text))
        if device.hardware.name in found:
            raise RecipeError(
                f"two profiles are named '{device.hardware.name}'",
                where=f"{found[device.hardware.name].named}, {text}",
                todo="give each profile a name of its own",
            )
        found[device.hardware.name] = device
    return list(found.values())


def folder_of(out: Path | None, subject: str) -> Path:
    """Where the answers lie: as asked, or under the subject's name."""
    name = Path(subject.rpartition(":")[2]).resolve().name or "models"
    return out or DEFAULT / f"fleet-{name}"


def require_no_folder(out: Path | None) -> None:
    """Raise RefusedInput for `--out` where nothing is kept."""
    if out is not None:
        from l0gm_edge.core.errors import RefusedInput

        raise RefusedInput("--out keeps what is known of several devices; this is about one", todo="leave it out")


def profile_all(
    model: Path, devices: Sequence[Device], given: Given, out: Path | None, report: Path | None, *, as_json: bool
) -> int:
    """Time a model on every device, tell of it, and return the exit status."""
    from l0gm_edge.pipeline import fleet_members

    folder = folder_of(out, str(model))
    with listener(as_json=as_json) as progress:
        found = fleet_members.profile(str(model), devices, _options(given), folder, progress)
    return tell(found, folder, report, as_json=as_json)


def compare_all(
    baseline: str,
    candidate: str,
    devices: Sequence[Device],
    given: Given,
    out: Path | None,
    report: Path | None,
    *,
    as_json: bool,
) -> int:
    """Compare two models on every device, tell of it, and return the exit status."""
    from l0gm_edge.pipeline import fleet_members

    folder = folder_of(out, candidate)
    with listener(as_json=as_json) as progress:
        found = fleet_members.compare(baseline, candidate, devices, _options(given), folder, progress)
    return tell(found, folder, report, as_json=as_json)


def run_all(
    recipe: str, name: str, devices: Sequence[Device], options: Sequence[str], out: Path | None, *, as_json: bool
) -> int:
    """Go the whole road for one device after the other, tell of it, and return the exit status."""
    from l0gm_edge.pipeline import fleet_members

    folder = out or DEFAULT / name
    with listener(as_json=as_json) as progress:
        found = fleet_members.run(recipe, name, devices, options, folder, progress)
    return tell(found, folder, None, as_json=as_json)


def tell(found: Fleet, folder: Path, report: Path | None, *, as_json: bool) -> int:
    """Print a fleet, write its page if there is to be one, and return the exit status it stands for."""
    from l0gm_edge.core import store
    from l0gm_edge.report import fleet_page

    with store.storage_errors(folder):
        store.write_value(folder / "fleet.json", found)
    write_output(report or folder / "fleet.html", fleet_page.render(found))
    if as_json:
        print_json(found)
    else:
        from l0gm_edge.cli._fleet_table import show

        show(found)
        click.echo(f"\n  page: {report or folder / 'fleet.html'}")
    return found.exit_status


def _options(given: Given) -> list[str]:
    """Options as they are written on a command line: without those that are null or off."""
    written: list[str] = []
    for name, value in given.items():
        if value is not None and value is not False:
            written += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return written


def _files(given: str) -> list[str]:
    """A profile as it was named, or every .yaml file of a folder."""
    from l0gm_edge.core.errors import RecipeError

    folder = Path(given)
    if not folder.is_dir():
        return [given]
    files = sorted(str(path) for path in folder.glob("*.yaml"))
    if not files:
        raise RecipeError("the folder holds no profile", where=given, allowed="files that end in .yaml")
    return files
