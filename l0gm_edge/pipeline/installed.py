"""The versions of runtimes, and their providers, that a profile asks for, against what is installed where they run."""

from __future__ import annotations

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from l0gm_edge import backends, devices
from l0gm_edge.backends import onnxruntime
from l0gm_edge.compile.rules import Target
from l0gm_edge.core import environment
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.measure import conditions, job, native

HERE = "local"


def require_versions(profile: HardwareProfile) -> None:
    """Raise RecipeError for a runtime's range that is none, or leaves out all that is installed on this machine.

    With `transport.python`, what that interpreter has counts. Of a device that is reached otherwise, and of an
    interpreter that does not run, only the form of the range is known here.
    """
    for runtime, where in _ranged(profile):
        _require(runtime, where, _found(profile, runtime))


def require_device(profile: HardwareProfile) -> None:
    """The device answers; what one that is not this machine says is installed there lies in the ranges of a profile.

    A native runner has its digest instead, and tells no version. Raises RecipeError, IntegrityError, MissingExtra or
    DeviceFailed.
    """
    native.require(profile)
    with devices.plugin(profile.transport.kind).connect(profile) as device:
        if profile.transport.kind == HERE or profile.runner is not None or not _ranged(profile):
            return
        job.put_programs(device)
        told = conditions.read(device).machine
        for runtime, where in _ranged(profile):
            packages = backends.plugin(runtime.name).PACKAGES
            _require(runtime, where, {name: told[name] for name in packages if name in told})


def target(profile: HardwareProfile, runtime: str) -> Target:
    """What is known here of the release that a device has of a runtime."""
    one = next(one for one in profile.runtimes if one.name == runtime)
    return Target(one.versions, next(iter((_found(profile, one) or {}).items()), None))


def _found(profile: HardwareProfile, runtime: Runtime) -> dict[str, str] | None:
    """The runtime's distributions that are installed where the profile says it runs; None where that is not known."""
    if profile.transport.kind != HERE or runtime.runner is not None:
        return None
    packages, python = backends.plugin(runtime.name).PACKAGES, profile.transport.python
    return environment.installed_versions(packages, python) or (None if python else {})


def require_providers(profile: HardwareProfile) -> None:
    """Raise RecipeError for an execution provider that the installed ONNX Runtime was built without.

    Of a device that is reached otherwise, and of another Python, the agent tells.
    """
    for index, runtime in enumerate(profile.runtimes):
        if not runtime.session.accelerated or not _here(profile):
            continue
        there = onnxruntime.providers()
        if lacking := [one for one in runtime.session.providers if one.full_name not in there]:
            raise RecipeError(
                f"the onnxruntime that is installed here was built without {', '.join(lacking)}",
                where=f"hardware profile {profile.name}, runtimes[{index}].session.providers",
                allowed=", ".join(one.removesuffix("ExecutionProvider") for one in there),
                todo="install a build that has it, name the Python of one as transport.python, or leave it out",
            )


def _here(profile: HardwareProfile) -> bool:
    return profile.transport.kind == HERE and profile.transport.python is None


def _ranged(profile: HardwareProfile) -> list[tuple[Runtime, str]]:
    """The runtimes that have a range, and where it stands."""
    where = f"hardware profile {profile.name}, runtimes[{{}}].versions"
    return [(one, where.format(index)) for index, one in enumerate(profile.runtimes) if one.versions is not None]


def _require(runtime: Runtime, where: str, found: dict[str, str] | None) -> None:
    try:
        wanted = SpecifierSet(runtime.versions or "", prereleases=True)
    except InvalidSpecifier as error:
        raise RecipeError(
            f"'{runtime.versions}' is no range of versions", where=where, allowed="for example >=1.20,<2"
        ) from error
    if found is not None and not any(version in wanted for version in found.values()):
        told = ", ".join(f"{name} {version}" for name, version in found.items()) or "none"
        raise RecipeError(
            f"the profile runs {runtime.name} {runtime.versions}, and installed is {told}",
            where=where,
            todo="install a version in that range, or change the range if the device has another",
        )
