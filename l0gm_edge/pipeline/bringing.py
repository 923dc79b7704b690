"""A model that a person brings as it is: an .onnx file, a .pt2 file, or a function of their own that returns one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from l0gm_edge import backends
from l0gm_edge.backends import onnxruntime
from l0gm_edge.bundle import write as bundling
from l0gm_edge.check.outcome import EXIT_STATUS
from l0gm_edge.compile import build as compiling
from l0gm_edge.compile.lint import linted
from l0gm_edge.compile.sound_weights import require_finite
from l0gm_edge.core import environment, load
from l0gm_edge.core.artifact import Artifact, Role, TensorSpec
from l0gm_edge.core.build import Build
from l0gm_edge.core.entry import Entry
from l0gm_edge.core.errors import ExportFailed, L0GMEdgeError, RefusedInput
from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Measure, Quantize
from l0gm_edge.core.verdict import Status, worst
from l0gm_edge.pipeline import given_rows, installed, mixing, own_code, own_model, shipping
from l0gm_edge.pipeline.brought_program import Program

Shape = tuple[int, ...]
Shapes = Mapping[str, tuple[Shape, str]]
"""By input: its shape, batch axis included, and its type."""
MANUAL = "docs/compile.md"
ROWS = 32
MEASURE = Measure()
SILENT = Silent()


def compile_model(
    model: str,
    hardware: HardwareProfile,
    *,
    out: Path | None = None,
    calibration: Path | None = None,
    shapes: Shapes | None = None,
    pythonpath: Sequence[Path] = (),
    measure: Measure = MEASURE,
    progress: Progress = SILENT,
) -> Build:
    """Compile a model for every runtime of a profile, hold each file against it, time them, and write a bundle.

    `model` is an .onnx or .pt2 file, or package.module:function. Files are read without trust: nothing in them is
    executed before it was looked through. `calibration` is an .npz of rows by input name; without it, rows are random
    and schemes that need ranges are left out. `shapes` fixes free axes. The bundle goes to `out` (default:
    bundles/NAME).

    Raises RefusedInput (exit status 2) for a model, calibration file or shape that cannot be used, ExportFailed when a
    runtime's converter fails, MissingExtra, DeviceFailed; then nothing is left behind.
    """
    path, given = Path(model), shapes or {}
    name = path.stem if path.suffix in (".onnx", ".pt2") else model.rpartition(":")[2]
    folder = out or Path("bundles") / name
    bundling.require_place(folder)
    shipping.require_tools(hardware)
    if path.suffix == ".onnx":
        return _from_onnx(path, hardware, folder, calibration, given, measure, progress)
    if path.suffix == ".pt2":
        network, inputs, below = Program.read(path, {one: shape for one, (shape, _) in given.items()})
        rows = given_rows.read(calibration, inputs, below) if calibration else given_rows.drawn(inputs, below, ROWS)
        return _from_torch(network, name, rows, hardware, folder, calibration is not None, measure, progress)
    if ":" not in model:
        raise RefusedInput(
            f"'{model}' is no model",
            allowed="a file that ends in .onnx or .pt2, or package.module:function",
            todo=f"see {MANUAL}",
        )
    with own_code.importable(pythonpath):
        return _from_function(model, name, hardware, folder, calibration, given, measure, progress)


def exit_status(built: Build, hardware: HardwareProfile) -> int:
    """0 when each runtime that the profile requires has a file that passed every check, 1 or 3 by the worst verdict."""
    chosen = {file.artifact.name: file.artifact.runtime for file in built.files if file.chosen}
    if not {one.name for one in hardware.runtimes if one.required} <= set(chosen.values()):
        return EXIT_STATUS[Status.FAIL]
    return EXIT_STATUS[worst([verdict for verdict in built.verdicts if verdict.artifact in chosen])]


def _from_function(
    model: str,
    name: str,
    hardware: HardwareProfile,
    folder: Path,
    calibration: Path | None,
    shapes: Shapes,
    measure: Measure,
    progress: Progress,
) -> Build:
    entry = load.checked(Entry, {"entry": model}, where=model, manual=MANUAL)
    if not shapes and calibration is None:
        raise RefusedInput(
            "the inputs of a function's model are not known",
            where=model,
            todo="give --shape NAME=1x3x224x224 (NAME=1x128:int64 for ids) for each, or --calibration FILE.npz",
        )
    inputs = tuple(TensorSpec(name=one, shape=shape, dtype=dtype) for one, (shape, dtype) in shapes.items())
    rows = given_rows.read(calibration, inputs) if calibration else given_rows.drawn(inputs, {}, ROWS)
    network = own_model.build(entry, "MODEL")
    weights = ((key, value) for key, value in network.state_dict().items() if value.is_floating_point())
    require_finite(((key, value.detach().cpu().float().numpy()) for key, value in weights), Path(model))
    return _from_torch(network, name, rows, hardware, folder, calibration is not None, measure, progress)


def _from_torch(
    network: nn.Module,
    name: str,
    rows: given_rows.Rows,
    hardware: HardwareProfile,
    folder: Path,
    real: bool,
    measure: Measure,
    progress: Progress,
) -> Build:
    tensors = {key: torch.from_numpy(values) for key, values in rows.items()}
    return shipping.build(
        network,
        {key: values[:ROWS] for key, values in tensors.items()},
        hardware,
        out=folder,
        name=name,
        calibration=tensors if real else None,
        measure=measure,
        progress=progress,
    )


def _from_onnx(
    path: Path,
    hardware: HardwareProfile,
    folder: Path,
    calibration: Path | None,
    shapes: Shapes,
    measure: Measure,
    progress: Progress,
) -> Build:
    environment.require("onnx", onnxruntime.EXTRA, "reading an .onnx file")
    from l0gm_edge.compile import onnx_inputs, onnx_source  # they import onnx

    source = onnx_source.read(path)
    fixed = onnx_inputs.fix(source, {one: shape for one, (shape, _) in shapes.items()}, path)
    ranges = given_rows.read(calibration, fixed.inputs, fixed.below) if calibration else None
    rows = ranges or given_rows.drawn(fixed.inputs, fixed.below, ROWS)
    rows = {key: values[:ROWS] for key, values in rows.items()}
    possible = hardware if ranges else shipping.without_ranges(hardware)
    with tempfile.TemporaryDirectory(prefix="l0gm-edge-") as held:
        scratch = Path(held)
        program = scratch / "source.onnx"
        program.write_bytes(fixed.model.SerializeToString())
        reference = _reference(program, rows, path)
        onnx_inputs.set_output(fixed.model, (1, reference.shape[1]))
        program.write_bytes(fixed.model.SerializeToString())
        trials = shipping.trials_of(possible, measure, rows, reference)
        files, lost = _compiled(program, ranges or rows, possible, trials, scratch, progress)
        left_out = (*shipping.left_out(hardware, possible), *lost)
        compiled = shipping.Compiled(files, {Role.COMPRESSED: reference}, rows, left_out)
        return shipping.ship(compiled, path.stem, folder, hardware, None, measure, scratch, progress)


def _reference(program: Path, rows: given_rows.Rows, path: Path) -> NDArray[np.float32]:
    """The logits that the model gives as it stands."""
    try:
        (found,) = onnxruntime.outputs(program, rows).values()
    except ExportFailed as error:
        raise RefusedInput(error.what, where=str(path), allowed="operators and sizes that ONNX Runtime runs") from error
    if found.ndim != 2 or len(found) != len(next(iter(rows.values()))) or found.dtype != np.float32:
        raise RefusedInput(
            f"the model gives {found.dtype} of shape {(1, *found.shape[1:])} for a row",
            where=str(path),
            allowed="class scores (1, classes) in float32",
        )
    if not np.isfinite(found).all():
        raise RefusedInput(
            "the model gives values that are not finite",
            where=str(path),
            todo="give rows that it was made for: --calibration FILE.npz",
        )
    return np.asarray(found, np.float32)


def _compiled(
    program: Path,
    ranges: backends.Samples,
    profile: HardwareProfile,
    trials: mixing.Setting,
    scratch: Path,
    progress: Progress,
) -> tuple[dict[Path, Artifact], tuple[str, ...]]:
    """The files by where they lie, and what was left out and why.

    Raises what a backend raises for a runtime that the profile requires; others are left out, as is a scheme that
    fails.
    """
    made: list[Artifact] = []
    lost: list[str] = []
    with progress.task("compile", len(profile.runtimes)) as task:
        for number, runtime in enumerate(profile.runtimes):
            try:
                (plain,) = compiling.build(
                    program, Role.COMPRESSED, _plain(profile, runtime), ranges, Quantize(), None, scratch
                )
            except L0GMEdgeError as error:
                if runtime.required:
                    raise _way_out(error, runtime, program) from error
                lost.append(f"{runtime.name}: {error.what}")
                continue
            made.append(plain)
            for scheme in compiling.schemes(mixing.without(profile).runtimes[number]):
                try:
                    made.append(
                        compiling.quantized(
                            scratch / plain.path, Role.COMPRESSED, runtime, scheme, ranges, Quantize(), None
                        )
                    )
                except ExportFailed as error:
                    lost.append(f"{runtime.name} {scheme}: {error.what}")
            task.advance()
        mixed, dropped = mixing.complete(made, scratch, profile, ranges, Quantize(), trials)
        made += mixed
        lost += dropped
    return {scratch / one.path: _linted(one, scratch, profile) for one in made}, tuple(lost)


def _plain(profile: HardwareProfile, runtime: Runtime) -> HardwareProfile:
    return profile.model_copy(update={"runtimes": (runtime.model_copy(update={"schemes": (compiling.FLOAT,)}),)})


def _linted(one: Artifact, folder: Path, profile: HardwareProfile) -> Artifact:
    """With its problems; operators of the runtime's own, beside the standard ones, are what the person brought."""
    own = [name for name in one.ops if name.startswith("com.microsoft.")]
    return linted(one, folder / one.path, installed.target(profile, one.runtime), allowed=own)


def _way_out(error: L0GMEdgeError, runtime: Runtime, program: Path) -> L0GMEdgeError:
    if not isinstance(error, ExportFailed):
        return error
    return RefusedInput(
        f"there is no way from this model to {runtime.name}: {error.what}",
        where=program.name,
        todo="bring the torch model itself, as .pt2 or package.module:function; or leave this runtime out, with "
        "--runtime or `required: false` in the profile",
    )
