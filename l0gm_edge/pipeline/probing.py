"""A hardware profile filled in by the device itself; what a person wrote, and what it does not tell, stays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from l0gm_edge import backends, devices
from l0gm_edge.core import load, plugins, yaml_edit
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile, Runtime, Transport
from l0gm_edge.core.store import storage_errors, write_text
from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value
from l0gm_edge.devices import Device, Outcome
from l0gm_edge.measure import conditions, job, native

MANUAL = "docs/hardware.md"
PROGRAM = "identity.py"
TIMEOUT_S = 60.0
NEW = "probed"
SCHEMES = ("fp32", "fp16", "static_int8")
"""Schemes that a new profile asks for, of those that the runtime has."""


class Identity(Value):
    """What the device says it is made of, by the keys of a profile; null where it does not tell."""

    chipset: Told | None
    module: Told | None
    software: Told | None
    cpu_cores: int | None
    cpu_mhz: float | None
    memory_gb: float | None


def probe(way: Mapping[str, Any], file: Path | None = None) -> HardwareProfile:
    """Ask a device what it is. With `file`, the profile there is filled in, or made.

    `way` holds keys of `transport`, added to those of the file; without any, this machine is asked. Raises RecipeError
    for a way or a file that makes no sense, MissingExtra, and DeviceFailed, also for a new profile of a device that has
    no runtime.
    """
    where = str(file or "hardware probe")
    base = load.hardware(str(file)) if file is not None and file.exists() else None
    if base is not None:
        native.refuse(base, "hardware probe")
    known = base.transport.model_dump(mode="json", exclude_unset=True) if base else {}
    transport = load.checked(Transport, {**known, **way}, where=where, manual=MANUAL)
    name = base.name if base else file.stem if file else NEW
    here = Runtime(name="onnxruntime", schemes=("fp32",))
    asked = {"name": name, "title": name, "runtimes": (here,), "transport": transport}
    reached = load.checked(HardwareProfile, asked, where=where, manual=MANUAL)
    with devices.plugin(transport.kind).connect(reached) as device:
        job.put_programs(device)
        identity, state = _identity(device), conditions.read(device)
    told = {key: value for key, value in identity.model_dump().items() if value is not None}
    source = f"told by the device itself, {datetime.now(UTC):%Y-%m-%d}"
    changes: dict[str, Any] = {} if base else {"name": name, "title": told.get("module") or told.get("chipset") or name}
    changes |= {key: {"value": value, "source": source} for key, value in told.items()}
    changes["runtimes"] = _runtimes(base.runtimes if base else (), state.machine, device.python())
    if state.conditions.power_mode and not (base and base.power_mode):
        changes["power_mode"] = state.conditions.power_mode
    changes["transport"] = {"kind": transport.kind} | transport.model_dump(mode="json", exclude_unset=True)
    if file is not None:
        text = file.read_text(encoding="utf-8") if base else ""
        with storage_errors(file, todo="choose another file with --write"):
            write_text(file, yaml_edit.with_keys(text, changes, where=where))
    document = (base.model_dump(mode="json", exclude_unset=True) if base else {}) | changes
    return load.checked(HardwareProfile, document, where=where, manual=MANUAL)


def _identity(device: Device) -> Identity:
    with as_file(files("l0gm_edge.ondevice") / PROGRAM) as path:
        device.put(path, PROGRAM)
    ended = device.run([device.python(), PROGRAM], TIMEOUT_S)
    if ended.outcome is not Outcome.OK:
        raise DeviceFailed(f"the device does not tell what it is: {job.why(ended)}")
    try:
        return Identity.model_validate_json(ended.stdout)
    except ValidationError as error:
        raise DeviceFailed("the device's account of what it is makes no sense", where=ended.stdout[:200]) from error


def _runtimes(asked: tuple[Runtime, ...], installed: Mapping[str, str], python: str) -> list[dict[str, Any]]:
    """The runtimes of a profile with the versions that are there; of a new profile, those that are there."""
    versions = {name: _version(name, installed) for name in plugins.names("l0gm_edge.backends")}
    known = asked or tuple(
        Runtime(name=name, schemes=tuple(one for one in SCHEMES if one in backends.plugin(name).SCHEMES))
        for name, version in versions.items()
        if version
    )
    if not known:
        raise DeviceFailed(
            f"{python} on the device has no runtime that models are built for",
            allowed=", ".join(package for name in versions for package in backends.plugin(name).PACKAGES),
            todo="install one of these there, or name the Python that has one with --python",
        )
    return [
        one.model_dump(mode="json", exclude_unset=True)
        | ({"versions": f"=={versions[one.name]}"} if versions[one.name] else {})
        for one in known
    ]


def _version(runtime: str, installed: Mapping[str, str]) -> str | None:
    return next((installed[name] for name in backends.plugin(runtime).PACKAGES if name in installed), None)
