"""Times one model file, whoever made it, with random inputs of its declared shapes."""

from __future__ import annotations

from pathlib import Path

from l0gm_edge import backends
from l0gm_edge.core import latency, plugins
from l0gm_edge.core.engine import EngineRun
from l0gm_edge.core.engine_layers import run_verdict
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import Execution, HardwareProfile
from l0gm_edge.core.measurement import Block
from l0gm_edge.core.opening import Opening, Settings
from l0gm_edge.core.profiled import ModelProfile, Percentile
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.verdict import Status
from l0gm_edge.devices import Device
from l0gm_edge.measure import conditions, job, layers, tasks

PERCENTILES = (50, 90, 99)
SILENT = Silent()


def profile_model(
    device: Device,
    hardware: HardwareProfile,
    model: Path,
    *,
    threads: int | None,
    with_layers: bool,
    settings: Measure,
    progress: Progress = SILENT,
) -> ModelProfile:
    """Time a model on a device; free axes are taken as 1, and `threads` by default from the profile.

    Raises RefusedInput when the profile's runtimes cannot run such a file, and DeviceFailed.
    """
    runtime = runtime_of(model, hardware)
    job.put_programs(device)
    placed = tasks.put_model(device, model.stem, runtime, hardware.threads, model, _opening(hardware, runtime, threads))
    with progress.task(model.name, settings.processes + 1 + with_layers) as task:
        before = conditions.read(device)
        timing = tasks.time_interleaved(device, [placed], {}, settings, task.advance)[placed.name]
        after = conditions.read(device)
        weight = tasks.weigh(device, placed, {})
        task.advance()
        operators = layers.measure(device, placed) if with_layers else None
    return ModelProfile(
        model=str(model),
        sha256=placed.sha256,
        size_bytes=model.stat().st_size,
        hardware=hardware.name,
        runtime=runtime,
        runtime_version=weight.runtime_version,
        threads=placed.threads,
        percentiles=tuple(_percentile(timing.blocks, q) for q in PERCENTILES),
        warmup_runs=timing.warmup_runs,
        load_ns=weight.load_ns,
        peak_memory_bytes=weight.peak_memory_bytes,
        operators=operators,
        engine=weight.engine,
        before=before,
        after=after,
        warnings=(*conditions.warnings(before, after, hardware), *_wider(weight.engine, model.name)),
        blocks=timing.blocks,
    )


def _opening(hardware: HardwareProfile, runtime: str, threads: int | None) -> Opening:
    found = hardware.opening(runtime)
    return found.model_copy(update={"settings": Settings(threads=threads).over(found.settings)})


def runtime_of(model: Path, hardware: HardwareProfile) -> str:
    """The runtime that a file's ending names. Raises RefusedInput when there is none, or the profile lacks it."""
    runtimes = {name: backends.plugin(name) for name in plugins.names("l0gm_edge.backends")}
    endings = {one: name for name, backend in runtimes.items() for one in (backend.SUFFIX, *backend.ALSO_RUNS)}
    if not model.is_file():
        raise RefusedInput("there is no such model file", where=str(model))
    if hardware.execution is not Execution.HARDWARE:
        raise RefusedInput(f"{hardware.name} is {hardware.execution}; only real hardware can be timed")
    ending = max((one for one in endings if model.name.endswith(one)), key=len, default=model.suffix)
    if ending not in endings:
        allowed = ", ".join(f"{one} ({name})" for one, name in sorted(endings.items()))
        raise RefusedInput(f"cannot time a '{ending}' file", where=str(model), allowed=allowed)
    names = [one.name for one in hardware.runtimes]
    if endings[ending] not in names:
        raise RefusedInput(
            f"{hardware.name} does not have the runtime {endings[ending]}",
            where=str(model),
            allowed=f"models for {', '.join(names)}",
        )
    return endings[ending]


def _wider(engine: EngineRun | None, model: str) -> tuple[str, ...]:
    """What an engine's layers say against it, where the file asks for something."""
    if engine is None or not engine.asked:
        return ()
    found = run_verdict(engine, model)
    return () if found.status is Status.PASS else (f"{found.check} {found.status}: {found.reason}",)


def _percentile(blocks: tuple[Block, ...], q: int) -> Percentile:
    found = latency.block_percentile(blocks, q)
    needed = latency.samples_needed(q)
    if found is None:
        return Percentile(q=q, runs_needed=needed)
    return Percentile(q=q, runs_needed=needed, value_ns=found.value, interval_ns=(found.low, found.high))
