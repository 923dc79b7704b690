"""The measurements of a run's artifacts where a native runner is all that the device has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from l0gm_edge.core import environment
from l0gm_edge.core.aggregates import ONLY, Aggregates
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import Execution, HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.profiled import State
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.store import require_digest
from l0gm_edge.devices import Device
from l0gm_edge.measure import tasks
from l0gm_edge.measure.native import run, state
from l0gm_edge.measure.native.profile import NO_ENERGY, SHORT
from l0gm_edge.measure.native.run import Native, Runs

NO_OUTPUTS = f"{ONLY}, neither single runs nor outputs"


def measure(
    device: Device,
    profile: HardwareProfile,
    artifacts: Sequence[tuple[Artifact, Path]],
    settings: Measure,
    progress: Progress,
) -> tuple[Measurement, ...]:
    """Time every artifact but floors, in the order given; each says why that is no measurement of the usual kind.

    Off real hardware nothing is timed. What cannot run, of a runtime that the profile does not require, says so
    instead. Raises DeviceFailed.
    """
    timed = profile.execution is Execution.HARDWARE
    session, before = uuid4().hex, state.read(device)
    native = run.placed(device, profile) if timed else None
    measured: list[tuple[Artifact, _Found]] = []
    with progress.task("on the device", len(artifacts)) as task:
        for one, path in artifacts:
            require_digest(path, one.sha256)
            able = native if one.role is not Role.FLOOR else None
            measured.append((one, _found(able, profile, one, path, settings)))
            task.advance()
    after = state.read(device)
    return tuple(_measurement(one, found, profile, session, before, after) for one, found in measured)


@dataclass(frozen=True)
class _Found:
    """What one artifact came to."""

    why: str
    aggregates: tuple[Aggregates, ...] = ()
    peak: int | None = None


def _found(
    native: Native | None, profile: HardwareProfile, artifact: Artifact, path: Path, settings: Measure
) -> _Found:
    if native is None:
        return _Found(f"{NO_OUTPUTS}; nothing was timed")
    asked = Runs(runs=settings.blocks * settings.runs_per_block)
    runtime = profile.runtime(artifact.runtime)
    try:
        placed = tasks.put_model(native.device, artifact.name, artifact.runtime, profile.threads, path)
        found = tuple(native.time(placed, asked) for _ in range(settings.processes))
        peak = native.peak_memory_bytes(placed, SHORT)
    except DeviceFailed as error:
        if runtime is None or runtime.required:
            raise
        return _Found(error.what)
    return _Found(f"{NO_OUTPUTS} ({found[0]})", found, peak)


def _measurement(
    artifact: Artifact, found: _Found, profile: HardwareProfile, session: str, before: State, after: State
) -> Measurement:
    commit, dirty = environment.commit()
    runner = profile.runner
    return Measurement(
        artifact=artifact.name,
        artifact_sha256=artifact.sha256,
        hardware=profile.name,
        execution=profile.execution,
        runtime=artifact.runtime,
        runtime_version=run.version(runner) if runner else "",
        threads=profile.threads,
        machine=before.machine,
        session=session,
        warmup_runs=sum(one.warmup_runs for one in found.aggregates),
        blocks=(),
        load_ns=tuple(one.init_ns for one in found.aggregates),
        peak_memory_bytes=found.peak,
        energy=NO_ENERGY,
        unmeasured=found.why,
        aggregates=found.aggregates,
        conditions_before=before.conditions,
        conditions_after=after.conditions,
        outputs={},
        outputs_sha256={},
        time=before.conditions.time,
        commit=commit,
        dirty=dirty,
    )
