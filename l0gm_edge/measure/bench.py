"""Measures artifacts on a device: interleaved latency, outputs of whole sets, load time, memory, operator times."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from l0gm_edge.core import environment
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.energy import Energy
from l0gm_edge.core.engine import TENSORRT
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.evidence import BASE_SCHEME
from l0gm_edge.core.hardware import Execution, HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.profiled import OperatorTimes, State
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.store import file_sha256, require_digest
from l0gm_edge.devices import Device
from l0gm_edge.measure import conditions, energy, job, layers, tasks
from l0gm_edge.measure.job import Arrays, ModelFile, ModelResult
from l0gm_edge.measure.native import bench as native
from l0gm_edge.measure.settings import held
from l0gm_edge.measure.tasks import Timing

SILENT = Silent()


@dataclass(frozen=True)
class Visit:
    """What one visit to a device brought back, by artifact name; what was not measured is absent."""

    session: str
    models: Mapping[str, ModelFile]
    before: State
    after: State
    times: Mapping[str, Timing]
    weights: Mapping[str, ModelResult]
    answers: Mapping[str, ModelResult]
    energies: Mapping[str, Energy]
    operators: Mapping[str, OperatorTimes]
    unmeasured: Mapping[str, str]


def measure(
    device: Device,
    profile: HardwareProfile,
    artifacts: Sequence[tuple[Artifact, Path]],
    inputs: Mapping[str, Arrays],
    settings: Measure,
    folder: Path,
    progress: Progress = SILENT,
) -> tuple[Measurement, ...]:
    """Measure every artifact, all latencies interleaved in one session, in the order given.

    `inputs[split]` holds (n, *shape) arrays by input name; each model's outputs, (n, classes) float32, are written
    under `folder` as `<artifact>-<split>.npy`. An artifact of Role.FLOOR is timed and weighed only, and off real
    hardware nothing is timed or weighed. What cannot run there, and may be left out, says so instead: any artifact of a
    runtime that the profile does not require, and a quantized one whose engine cannot be built. Raises DeviceFailed
    with the agent's own message, or when what came back cannot be true. A native runner takes the agent's place where
    the profile has one (`native.bench`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    if profile.runner is not None:
        return native.measure(device, profile, artifacts, settings, progress)
    visit = _visit(device, profile, artifacts, inputs, settings, folder, progress)
    for name in visit.answers:
        for split, arrays in inputs.items():
            tasks.read_outputs(tasks.outputs_path(folder, name, split), rows=len(next(iter(arrays.values()))))
    for name, found in visit.operators.items():
        if found.unavailable:
            progress.note(f"{name}: no operator times ({found.unavailable})")
    return tuple(_measurement(one, profile, visit, tuple(inputs), folder) for one, _ in artifacts)


def _visit(
    device: Device,
    profile: HardwareProfile,
    artifacts: Sequence[tuple[Artifact, Path]],
    inputs: Mapping[str, Arrays],
    settings: Measure,
    folder: Path,
    progress: Progress,
) -> Visit:
    on_hardware = profile.execution is Execution.HARDWARE
    job.put_programs(device)
    placed = {one.name: _placed(device, profile, one, path) for one, path in artifacts}
    unmeasured = _unable(device, profile, [one for one, _ in artifacts], placed, progress)
    models = {name: model for name, model in placed.items() if name not in unmeasured}
    timed = list(models.values()) if on_hardware else []
    floors = {one.name for one, _ in artifacts if one.role is Role.FLOOR and on_hardware}
    asked = [model for name, model in models.items() if name not in floors]
    sets = tasks.put_sets(device, inputs)
    rotated = tasks.put_sets(device, {"samples": tasks.samples(next(iter(inputs.values())))})

    times: dict[str, Timing] = {}
    weights: dict[str, ModelResult] = {}
    energies: dict[str, Energy] = {}
    operators: dict[str, OperatorTimes] = {}
    steps = settings.processes + len(timed) + len(asked) + 1 if timed else 1
    with progress.task("on the device", steps) as task:
        with held(device, profile) if timed else nullcontext(device) as prepared:
            before = conditions.read(prepared)
            if timed:
                times = tasks.time_interleaved(prepared, timed, rotated, settings, task.advance)
            after = conditions.read(prepared)
            for model in timed:
                weights[model.name] = tasks.weigh(prepared, model, rotated)
                task.advance()
            if timed:
                energies = energy.of_each(prepared, asked, rotated, profile.energy_rails)
        answers = {one.name: one for one in tasks.ask(device, asked, sets, folder)} if asked else {}
        task.advance()
        for model in asked if timed else ():
            with tempfile.TemporaryDirectory(prefix="l0gm-edge-") as scratch:
                operators[model.name] = layers.measure(device, model, graph=Path(scratch) / "ran")
            task.advance()
    return Visit(uuid4().hex, models, before, after, times, weights, answers, energies, operators, unmeasured)


def _unable(
    device: Device,
    profile: HardwareProfile,
    artifacts: Sequence[Artifact],
    placed: Mapping[str, ModelFile],
    progress: Progress,
) -> dict[str, str]:
    """Why artifacts cannot run that may be left out; engines are built on the way.

    Raises DeviceFailed for one that may not.
    """
    required = {one.name for one in profile.runtimes if one.required}
    doubtful = [one for one in artifacts if one.runtime not in required or one.runtime == TENSORRT]
    why: dict[str, str] = {}
    if not doubtful:
        return why
    with progress.task("made ready on the device", len(doubtful)) as task:
        for one in doubtful:
            try:
                tasks.prepare(device, placed[one.name])
            except DeviceFailed as error:
                if one.runtime in required and one.scheme == BASE_SCHEME:
                    raise
                why[one.name] = error.what
            task.advance()
    return why


def _placed(device: Device, profile: HardwareProfile, artifact: Artifact, path: Path) -> ModelFile:
    require_digest(path, artifact.sha256)
    opening = profile.opening(artifact.runtime)
    return tasks.put_model(device, artifact.name, artifact.runtime, profile.threads, path, opening)


def _measurement(
    artifact: Artifact, profile: HardwareProfile, visit: Visit, splits: tuple[str, ...], folder: Path
) -> Measurement:
    name = artifact.name
    timing, weight = visit.times.get(name, Timing()), visit.weights.get(name)
    operators = visit.operators.get(name, OperatorTimes())
    told = weight or visit.answers.get(name)
    paths = {split: tasks.outputs_path(folder, name, split) for split in splits if name in visit.answers}
    commit, dirty = environment.commit()
    return Measurement(
        artifact=name,
        artifact_sha256=artifact.sha256,
        hardware=profile.name,
        execution=profile.execution,
        runtime=artifact.runtime,
        runtime_version=told.runtime_version if told else "",
        threads=visit.models[name].threads if name in visit.models else profile.threads,
        machine=visit.before.machine,
        session=visit.session,
        warmup_runs=sum(timing.warmup_runs),
        blocks=timing.blocks,
        load_ns=weight.load_ns if weight else (),
        peak_memory_bytes=weight.peak_memory_bytes if weight else None,
        energy=visit.energies.get(name, Energy(unavailable="not measured")),
        held_back=timing.held_back,
        layers=operators.layers,
        fallback_ops=operators.fallback_ops,
        engine=told.engine if told else None,
        unmeasured=visit.unmeasured.get(name),
        providers=operators.providers,
        conditions_before=visit.before.conditions,
        conditions_after=visit.after.conditions,
        outputs={split: path.name for split, path in paths.items()},
        outputs_sha256={split: file_sha256(path) for split, path in paths.items()},
        time=visit.before.conditions.time,
        commit=commit,
        dirty=dirty,
    )
