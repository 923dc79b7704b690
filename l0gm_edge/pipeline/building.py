"""Quantize and compile: from the small torch model to files for every runtime of the profile."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from l0gm_edge import backends
from l0gm_edge.backends import ModelFacts
from l0gm_edge.check import trial
from l0gm_edge.compile import build, export
from l0gm_edge.compile.lint import linted
from l0gm_edge.core import arrays, store
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.value import Value
from l0gm_edge.learn.batches import tensors
from l0gm_edge.pipeline import installed, learning, mixing
from l0gm_edge.pipeline.context import Context
from l0gm_edge.pipeline.cuts import stirred
from l0gm_edge.quantize.calibration_set import calibration_set, described


class Artifacts(Value):
    """Every file that the compile stage made, and which schemes of the profile it left out, and why."""

    artifacts: tuple[Artifact, ...]
    left_out: tuple[str, ...] = ()


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
    hardware, settings = context.hardware, context.recipe.quantize
    build.require_schemes(hardware)
    made: list[Artifact] = []
    with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=store.TEMPORARY) as scratch:
        programs = {role: Path(scratch) / f"{role}.pt2" for role in Role}
        native = Path(scratch) / "native.pt2"
        export.save_program(learning.dense_model(context), example, programs[Role.DENSE])
        export.save_program(learning.small_model(context, "recover"), example, programs[Role.COMPRESSED])
        export.save_program(stirred(learning.small_model(context, None)), example, native)
        export.floor_program(example, len(data.classes), programs[Role.FLOOR])
        with context.progress.task("compile", len(programs) + 2) as task:
            for role, program in programs.items():
                plain = mixing.without(hardware)
                made += build.build(program, role, plain, samples, settings, context.recipe_sha256, folder)
                task.advance()
            natives = _native_facts(context, native, Path(scratch))
            task.advance()
            mixed, left_out = mixing.complete(made, folder, hardware, samples, settings, _trials(context))
            task.advance()
    artifacts = _linted(context, folder, (*made, *mixed), natives)
    store.write_value(folder / "artifacts.json", Artifacts(artifacts=artifacts, left_out=left_out))


def _trials(context: Context) -> mixing.Setting:
    """How files are tried: on validation, under the limits of recipe and profile."""
    recipe, budgets, data = context.recipe, context.hardware.budgets, context.dataset.validation
    dense = arrays.read(context.run.path("learn") / "logits.npz")["validation"]
    return mixing.Setting(
        hardware=context.hardware,
        measure=recipe.measure,
        rows=data.inputs,
        lost=lambda found: trial.lost_on_validation(found, dense, data.labels, recipe.checks, budgets),
    )


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
