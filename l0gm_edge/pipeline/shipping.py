"""From a person's own model to a bundle: exported, converted, held against torch, timed on the device, packed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from l0gm_edge import backends, devices
from l0gm_edge.bundle import sbom
from l0gm_edge.bundle import write as bundling
from l0gm_edge.check import checks, trial
from l0gm_edge.check.choose import choose
from l0gm_edge.compile import build as compiling
from l0gm_edge.compile import export
from l0gm_edge.compile.lint import linted
from l0gm_edge.core import load
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.build import Build, BuiltFile
from l0gm_edge.core.dataset import Normalization
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.evidence import Measured, Readings, side_by_side, unmeasured
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.latency import block_percentile
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Measure, Quantize
from l0gm_edge.core.verdict import Choice, Verdict
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.inputs import Example
from l0gm_edge.measure import bench, native
from l0gm_edge.pipeline import calling, finishing, installed, mixing, way

Rows = Mapping[str, NDArray[Any]]
SOUND = ("engine", "measured", "never_slower", "operators", "parity", "providers")
"""The checks that decide what ships; the others hold it against the profile's budgets."""
BUDGETS = ("latency", "resources")
SPLIT = "test"
"""What the checks call the rows that they look at."""
SHIPPED = 8
MEASURE = Measure()
SILENT = Silent()


@dataclass(frozen=True)
class Compiled:
    """Files, by where they lie, the logits (n, classes) that they shall give for `rows`, by the model's role, and the
    torch models, where there are any."""

    files: Mapping[Path, Artifact]
    reference: Mapping[Role, NDArray[np.float32]]
    rows: Rows
    left_out: tuple[str, ...]
    networks: Mapping[Role, nn.Module] = field(default_factory=dict)


def build(
    model: nn.Module,
    example_inputs: Example,
    hardware: HardwareProfile | str | Path,
    *,
    out: Path | str | None = None,
    name: str | None = None,
    calibration: Example | None = None,
    labels: Sequence[str] | None = None,
    normalization: Mapping[str, Normalization] | None = None,
    reference: nn.Module | None = None,
    measure: Measure = MEASURE,
    progress: Progress = SILENT,
) -> Build:
    """Compile a model for each runtime of a profile, hold it against torch, time it there, and write a bundle.

    The model gives logits (n, classes), or a mapping that holds `logits`; every tensor among `example_inputs` has one
    row a sample. Schemes whose ranges come from data are built when `calibration` inputs, of the same form, are given.
    `labels` name the classes; `normalization` tells, by input, how it is made from raw data. `reference`, a dense model
    called alike, is timed beside it. The bundle, with the fastest sound file for each runtime, goes to `out` (default:
    bundles/NAME), where an older bundle is replaced.

    Raises RefusedInput for inputs or a folder that cannot be used, ExportFailed, DeviceFailed, MissingExtra.
    """
    profile = hardware if isinstance(hardware, HardwareProfile) else load.hardware(str(hardware))
    name = name or type(model).__name__
    folder = Path(out or Path("bundles") / name)
    bundling.require_place(folder)
    require_tools(profile)
    named = calling.by_name(model, example_inputs)
    rows = calling.rows(named, "example_inputs")
    networks = {Role.COMPRESSED: calling.prepared(model, named)}
    if reference is not None:
        networks[Role.DENSE] = calling.prepared(reference, named)
    wanted = {role: _logits(network, rows) for role, network in networks.items()}
    ranges = calling.rows(calling.by_name(model, calibration), "calibration") if calibration is not None else None
    possible = profile if ranges else without_ranges(profile)
    with tempfile.TemporaryDirectory(prefix="l0gm-edge-") as scratch:
        trials = trials_of(profile, measure, rows, wanted[Role.COMPRESSED])
        files, dropped = _compiled(networks, rows, ranges or rows, possible, trials, Path(scratch), progress)
        compiled = Compiled(files, wanted, rows, (*left_out(profile, possible), *dropped), networks)
        return ship(compiled, name, folder, profile, labels, measure, Path(scratch), progress, normalization)


def ship(
    compiled: Compiled,
    name: str,
    folder: Path,
    profile: HardwareProfile,
    labels: Sequence[str] | None,
    measure: Measure,
    scratch: Path,
    progress: Progress = SILENT,
    normalization: Mapping[str, Normalization] | None = None,
) -> Build:
    """Time compiled files on the device, hold them against the reference, and pack the best for each runtime.

    Raises as `build` does.
    """
    readings = _read(compiled, profile, measure, scratch / "outputs", progress)
    unable = [one for one in readings.unmeasured if one.artifact.role is Role.COMPRESSED]
    verdicts = _verdicts(readings, SOUND)
    choices = choose(readings, verdicts)
    chosen = {choice.artifact for choice in choices if choice.chosen}
    shipped = [_shipped(one, compiled.files) for one in readings.models if one.artifact.name in chosen]
    samples = {key: values[:SHIPPED] for key, values in compiled.rows.items()}
    forms = scratch / "forms"
    last = [finishing.Chosen(one.artifact, one.source, one.expected) for one in shipped]
    finishes = {one.artifact: one for one in finishing.finish(profile, last, samples, measure, forms, progress)}
    contents = bundling.Contents(
        name=name,
        recipe=None,
        hardware=profile,
        labels=labels or _numbers(readings),
        preprocess="",
        samples=samples,
        models=[replace(one, finish=finishes.get(one.artifact.name), forms=forms) for one in shipped],
        reports={},
        normalization=normalization or {},
    )
    manifest = bundling.replace(contents, folder) if chosen else None
    return Build(
        name=name,
        hardware=profile.name,
        folder=folder,
        bundle_sha256=manifest.bundle_sha256 if manifest else None,
        files=tuple(
            _built(readings, one, choice)
            for one, choice in zip(readings.of_role(Role.COMPRESSED), choices, strict=True)
        ),
        verdicts=(*verdicts, *_verdicts(readings, BUDGETS)),
        finishes=tuple(finishes.values()),
        left_out=(*compiled.left_out, *(f"{one.artifact.name}: not measured: {one.why}" for one in unable)),
    )


def require_tools(profile: HardwareProfile) -> None:
    """Raise MissingExtra for a runtime that is not installed, RecipeError for a scheme, version or execution provider
    that is not there, DeviceFailed for a device that does not answer."""
    native.refuse(profile, "compile, which ships what was held against outputs,")
    sbom.require_installed()
    compiling.require_schemes(profile)
    for runtime in profile.runtimes:
        backends.plugin(runtime.name).require_installed()
    installed.require_versions(profile)
    installed.require_providers(profile)
    installed.require_device(profile)


def _compiled(
    networks: Mapping[Role, nn.Module],
    rows: Rows,
    ranges: Rows,
    profile: HardwareProfile,
    trials: mixing.Setting,
    scratch: Path,
    progress: Progress,
) -> tuple[dict[Path, Artifact], tuple[str, ...]]:
    """The files of every network, by where they lie, and which schemes came to none, and why."""
    made: list[Artifact] = []
    with progress.task("compile", len(networks) + 1) as task:
        for role, network in networks.items():
            program = scratch / f"{role}.pt2"
            export.save_program(network, _tensors(rows, slice(0, 1)), program)
            made += compiling.build(program, role, mixing.without(profile), ranges, Quantize(), None, scratch)
            task.advance()
        mixed, dropped = mixing.complete(made, scratch, profile, ranges, Quantize(), trials)
        task.advance()
    files = {scratch / one.path: one for one in (*made, *mixed)}
    found = {path: linted(one, path, installed.target(profile, one.runtime)) for path, one in files.items()}
    return found, dropped


def trials_of(profile: HardwareProfile, measure: Measure, rows: Rows, reference: NDArray[np.float32]) -> mixing.Setting:
    """How files are tried where there are no labels: by how far they are from what the model gives for the rows."""
    least_db = Quantize().min_sqnr_db
    return mixing.Setting(profile, measure, rows, lambda found: trial.lost_by_agreement(found, reference, least_db))


def _read(compiled: Compiled, profile: HardwareProfile, measure: Measure, folder: Path, progress: Progress) -> Readings:
    """What the device says to the rows, beside the reference."""
    pairs = [(artifact, path) for path, artifact in compiled.files.items()]
    reference = {role: {SPLIT: logits} for role, logits in compiled.reference.items()}
    with devices.opened(profile) as device:
        found = bench.measure(device, profile, pairs, {SPLIT: compiled.rows}, measure, folder, progress)
        measured = tuple(
            Measured(artifact, one, {split: np.load(folder / path) for split, path in one.outputs.items()})
            for artifact, one in zip(compiled.files.values(), found, strict=True)
            if one.unmeasured is None
        )
        unable = unmeasured(compiled.files.values(), {one.artifact: one for one in found})
        readings = Readings(hardware=profile, reference=reference, measured=measured, unmeasured=unable)
        places = {artifact.name: path for path, artifact in compiled.files.items()}
        followed = [way.Followed.of(readings, one, SPLIT, places, compiled.networks) for one in readings.models]
        rows = {name: values[: way.ROWS] for name, values in compiled.rows.items()}
        chains = way.follow_all(device, profile, followed, rows, progress).chains
    return replace(readings, ways={one.artifact: one for one in chains})


def _logits(network: nn.Module, rows: Rows) -> NDArray[np.float32]:
    with evaluating(network):
        given = network(**_tensors(rows, slice(None)))
    count = len(next(iter(rows.values())))
    if not isinstance(given, Tensor) or given.dim() != 2 or len(given) != count or given.dtype is not torch.float32:
        told = f"{given.dtype} of shape {tuple(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
        raise RefusedInput(
            f"the model gives {told} for {count} rows",
            where=type(network).__name__,
            allowed="logits (n, classes), or a mapping that holds them as 'logits'",
        )
    logits: NDArray[np.float32] = given.numpy()
    return logits


def _tensors(rows: Rows, taken: slice) -> dict[str, Tensor]:
    return {name: torch.from_numpy(values[taken]) for name, values in rows.items()}


def _verdicts(readings: Readings, names: Sequence[str]) -> tuple[Verdict, ...]:
    return tuple(verdict for name in names for verdict in checks.on_readings(name).check(readings))


def without_ranges(profile: HardwareProfile) -> HardwareProfile:
    """The profile with the schemes alone that need no calibration set."""
    runtimes = []
    for runtime in profile.runtimes:
        ranged = backends.plugin(runtime.name).RANGED
        schemes = tuple(scheme for scheme in runtime.schemes if scheme not in ranged)
        runtimes.append(runtime.model_copy(update={"schemes": schemes}))
    return profile.model_copy(update={"runtimes": tuple(runtimes)})


def left_out(profile: HardwareProfile, possible: HardwareProfile) -> tuple[str, ...]:
    """Which schemes wait for calibration inputs."""
    return tuple(
        f"{asked.name} {scheme}: give calibration inputs"
        for asked, built in zip(profile.runtimes, possible.runtimes, strict=True)
        for scheme in asked.schemes
        if scheme not in built.schemes
    )


def _numbers(readings: Readings) -> tuple[str, ...]:
    classes = readings.reference[Role.COMPRESSED][SPLIT].shape[1]
    return tuple(map(str, range(classes)))


def _shipped(one: Measured, files: Mapping[Path, Artifact]) -> bundling.Shipped:
    source = next(path for path, artifact in files.items() if artifact.name == one.artifact.name)
    return bundling.Shipped(one.artifact, source, temperature=1.0, expected=one.outputs[SPLIT][:SHIPPED])


def _built(readings: Readings, one: Measured, choice: Choice) -> BuiltFile:
    blocks = one.measurement.blocks
    p50, p90 = block_percentile(blocks, 50), block_percentile(blocks, 90)
    twin = readings.float_twin(one, Role.DENSE)
    ratio = side_by_side(one, twin) if twin else None
    return BuiltFile(
        artifact=one.artifact,
        p50_ms=p50.value / 1e6 if p50 else None,
        p90_ms=p90.value / 1e6 if p90 else None,
        p50_ratio_to_reference=ratio.value if ratio else None,
        chosen=choice.chosen,
        why=choice.why,
    )
