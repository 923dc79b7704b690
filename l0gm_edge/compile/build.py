"""One program into the files that a hardware profile asks for."""

from __future__ import annotations

from pathlib import Path

from l0gm_edge import backends
from l0gm_edge.backends import Samples, tensorrt
from l0gm_edge.core import arrays, environment, plugins, store
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.core.recipe import Quantize

FLOAT = "fp32"


def build(
    program: Path,
    role: Role,
    profile: HardwareProfile,
    calibration: Samples,
    settings: Quantize,
    recipe_sha256: str | None,
    folder: Path,
) -> tuple[Artifact, ...]:
    """Compile a program for each runtime of the profile into `folder`: fp32 always, then the profile's schemes.

    Only the compressed model is quantized; the dense reference and the floor stay fp32. `calibration` is (n, *shape)
    a named input. Raises RecipeError before any work for a scheme that a runtime does not have, and what the backends
    raise: MissingExtra, ExportFailed, DataError.
    """
    require_schemes(profile)
    made: list[Artifact] = []
    for runtime in profile.runtimes:
        backend = backends.plugin(runtime.name)
        plain = folder / f"{_name(role, runtime, FLOAT)}{backend.SUFFIX}"
        backend.convert(program, plain)
        _settle(plain, runtime, FLOAT)
        made.append(described(plain, role, runtime, FLOAT, program, recipe_sha256))
        made.extend(
            quantized(plain, role, runtime, scheme, calibration, settings, recipe_sha256)
            for scheme in (schemes(runtime) if role is Role.COMPRESSED else ())
        )
    return tuple(made)


def quantized(
    plain: Path,
    role: Role,
    runtime: Runtime,
    scheme: str,
    calibration: Samples,
    settings: Quantize,
    recipe_sha256: str | None,
) -> Artifact:
    """Write an fp32 file of a runtime in another scheme, beside it. Raises what the backend raises."""
    backend = backends.plugin(runtime.name)
    output = path_of(plain, role, runtime, scheme)
    backend.quantize(plain, scheme, calibration, settings, output)
    _settle(output, runtime, scheme)
    digest = arrays.sha256(calibration) if scheme in backend.RANGED else None
    return described(output, role, runtime, scheme, plain, recipe_sha256, digest)


def path_of(plain: Path, role: Role, runtime: Runtime, scheme: str) -> Path:
    """Where a model's file in a scheme belongs, beside its fp32 file."""
    return plain.with_name(f"{_name(role, runtime, scheme)}{backends.plugin(runtime.name).SUFFIX}")


def require_schemes(profile: HardwareProfile) -> None:
    """Raise RecipeError, with the list and the nearest name, for a scheme that its runtime does not have."""
    for index, runtime in enumerate(profile.runtimes):
        known = tuple(backends.plugin(runtime.name).SCHEMES)
        for scheme in runtime.schemes:
            if scheme not in known:
                raise RecipeError(
                    f"runtimes[{index}].schemes: {runtime.name} has no scheme '{scheme}'"
                    + plugins.nearest(scheme, known),
                    where=f"hardware profile {profile.name}",
                    allowed=", ".join(known),
                )


def schemes(runtime: Runtime) -> tuple[str, ...]:
    """The schemes of a runtime that an fp32 file is quantized to."""
    return tuple(dict.fromkeys(scheme for scheme in runtime.schemes if scheme != FLOAT))


def described(
    path: Path,
    role: Role,
    runtime: Runtime,
    scheme: str,
    parent: Path,
    recipe_sha256: str | None,
    calibration_sha256: str | None = None,
) -> Artifact:
    """The record of a file that was made from `parent`. Raises RefusedInput when the backend cannot read it."""
    facts = backends.plugin(runtime.name).inspect(path)
    return Artifact(
        name=_name(role, runtime, scheme),
        role=role,
        runtime=runtime.name,
        scheme=scheme,
        path=path.name,
        sha256=store.file_sha256(path),
        size_bytes=path.stat().st_size,
        inputs=facts.inputs,
        outputs=facts.outputs,
        parent_sha256=store.file_sha256(parent),
        recipe_sha256=recipe_sha256,
        calibration_sha256=calibration_sha256,
        tools=environment.tool_versions(),
        ops=facts.ops,
        float_ops=facts.float_ops,
        notes=facts.notes,
    )


def _settle(path: Path, runtime: Runtime, scheme: str) -> None:
    """Where the profile says how engines are built, the file is described so."""
    if runtime.engine is not None:
        tensorrt.ship(path, scheme, runtime.engine)


def _name(role: Role, runtime: Runtime, scheme: str) -> str:
    return f"{role}-{runtime.name}-{scheme}"
