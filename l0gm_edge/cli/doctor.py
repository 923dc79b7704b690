"""`l0gm-edge doctor`: which extras, runtimes, devices and data sets are there, and how to get the others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import click

from l0gm_edge.cli._output import json_option, print_json

PACKAGE = "l0gm-edge"
REQUIREMENT = re.compile(r"""^([\w.-]+)[^;]*;.*extra == ['"]([\w-]+)['"]""")


class Finding(NamedTuple):
    """One thing looked for: its kind and name, whether it is there, what was found, and how to get it."""

    kind: str
    name: str
    there: bool
    found: str
    todo: str | None


@click.command("doctor", short_help="Say what is here, and how to get the rest.")
@json_option
def command(as_json: bool) -> None:
    """Say which extras, runtimes, devices and data sets are there, and how to get the others."""
    from l0gm_edge.core import environment
    from l0gm_edge.data import default_folder

    extras = {name: _versions(packages) for name, packages in _extras().items()}
    findings = [*_about_extras(extras), *_about_plugins(extras), *_about_data()]
    if as_json:
        rows = [finding._asdict() for finding in findings]
        print_json({"machine": environment.machine(), "data_folder": str(default_folder()), "findings": rows})
    else:
        click.echo("\n".join([*_facts(environment.machine()), *map(_line, findings)]))


def _extras() -> dict[str, list[str]]:
    """The distribution's optional dependencies, as its own metadata tells."""
    from importlib import metadata

    from l0gm_edge.core.errors import RefusedInput

    try:
        requirements = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError as error:
        raise RefusedInput(f"{PACKAGE} is not installed in this Python", todo="pip install -e .") from error
    extras: dict[str, list[str]] = {}
    for package, extra in (match.groups() for match in map(REQUIREMENT.match, requirements) if match):
        if package != PACKAGE:
            extras.setdefault(extra, []).append(package)
    return extras


def _versions(packages: list[str]) -> dict[str, str | None]:
    from l0gm_edge.core.environment import installed_version

    return {package: installed_version(package) for package in packages}


def _about_extras(extras: Mapping[str, Mapping[str, str | None]]) -> Iterator[Finding]:
    for name, versions in extras.items():
        there = all(versions.values())
        found = ", ".join(f"{package} {version or 'missing'}" for package, version in versions.items())
        yield Finding("extra", name, there, found, None if there else f"pip install '{PACKAGE}[{name}]'")


def _about_plugins(extras: Mapping[str, Mapping[str, str | None]]) -> Iterator[Finding]:
    """Backends and transports; one that needs an optional dependency names its extra as `EXTRA`."""
    from l0gm_edge.core import plugins

    for kind, folder in (("runtime", "l0gm_edge.backends"), ("device", "l0gm_edge.devices")):
        for name in plugins.names(folder):
            module = plugins.load(folder, name)
            extra = getattr(module, "EXTRA", None)
            there = extra is None or all(extras.get(extra, {"": None}).values())
            found = (module.__doc__ or "").partition("\n")[0]
            yield Finding(kind, name, there, found, None if there else f"pip install '{PACKAGE}[{extra}]'")


def _about_data() -> Iterator[Finding]:
    from l0gm_edge import data
    from l0gm_edge.core import plugins

    folder = data.default_folder()
    for name in plugins.names("l0gm_edge.data"):
        plugin = data.plugin(name)
        there = all((folder / file).is_file() for file in plugin.PREPARED)
        yield Finding("data", name, there, plugin.SUMMARY, None if there else f"l0gm-edge data fetch {name}")


def _facts(machine: Mapping[str, str]) -> Iterator[str]:
    return (f"{name:9} {value}" for name, value in machine.items())


def _line(finding: Finding) -> str:
    state = "there" if finding.there else "missing"
    todo = f"\n{'':35}get it: {finding.todo}" if finding.todo else ""
    return f"{finding.kind:9} {finding.name:16} {state:8} {finding.found}{todo}"
