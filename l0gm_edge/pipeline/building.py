"""Quantize and compile: from the small torch model to files for every runtime of the profile."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from l0gm_edge import backends
from l0gm_edge.backends import ModelFacts
from l0gm_edge.compile import build, export
from l0gm_edge.compile.lint import linted
from l0gm_edge.core import arrays, store
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.value import Value
from l0gm_edge.learn.batches import tensors
from l0gm_edge.pipeline import installed, learning
from l0gm_edge.pipeline.context import Context
from l0gm_edge.pipeline.cuts import stirred
from l0gm_edge.quantize.calibration_set import calibration_set, described


class Artifacts(Value):
    """Every file that the compile stage made."""

    artifacts: tuple[Artifact, ...]


def quantize(context: Context, folder: Path) -> None:
    """Draw the calibration set that ranges are estimated from, and note what it holds."""
    drawn = calibration_set(context.dataset.calibration, context.recipe.quantize)
    arrays.write(folder / "calibration.npz", drawn.inputs)
    store.write_value(folder / "calibration.json", described(drawn, context.dataset.classes))


def compile(context: Context, folder: Path) -> None:  # noqa: A001 (the stage's name)
    """Export the dense model, the small one and an almost empty one, and build each for every runtime."""
    data = context.dataset
    example, _ = tensors(data.calibration.take(slice(0, 1)))
    samples = arrays.read(context.run.path("quantize") / "calibration.npz")
    build.require_schemes(context.hardware)
    made: list[Artifact] = []
    with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=store.TEMPORARY) as scratch:
        programs = {role: Path(scratch) / f"{role}.pt2" for role in Role}
        native = Path(scratch) / "native.pt2"
        export.save_program(learning.dense_model(context), example, programs[Role.DENSE])
        export.save_program(learning.small_model(context, "recover"), example, programs[Role.COMPRESSED])
        export.save_program(stirred(learning.small_model(context, None)), example, native)
        export.floor_program(example, len(data.classes), programs[Role.FLOOR])
        with context.progress.task("compile", len(programs) + 1) as task:
            for role, program in programs.items():
                settings, recipe_sha256 = context.recipe.quantize, context.recipe_sha256
                made += build.build(program, role, context.hardware, samples, settings, recipe_sha256, folder)
                task.advance()
            natives = _native_facts(context, native, Path(scratch))
            task.advance()
    store.write_value(folder / "artifacts.json", Artifacts(artifacts=_linted(context, folder, made, natives)))


def _native_facts(context: Context, program: Path, scratch: Path) -> dict[str, ModelFacts]:
    """What the files of a model look like that had these widths from the start, by runtime."""
    facts = {}
    for runtime in context.hardware.runtimes:
        backend = backends.plugin(runtime.name)
        file = scratch / f"native-{runtime.name}{backend.SUFFIX}"
        backend.convert(program, file)
        facts[runtime.name] = backend.inspect(file)
    return facts


def _linted(
    context: Context, folder: Path, made: Sequence[Artifact], natives: dict[str, ModelFacts]
) -> tuple[Artifact, ...]:
    """The artifacts with their problems; the small fp32 ones are held against a natively small model's file."""
    targets = {one.name: installed.target(context.hardware, one.name) for one in context.hardware.runtimes}

    def reference(artifact: Artifact) -> ModelFacts | None:
        comparable = artifact.role is Role.COMPRESSED and artifact.scheme == build.FLOAT
        return natives[artifact.runtime] if comparable else None

    return tuple(linted(one, folder / one.path, targets[one.runtime], reference(one)) for one in made)
