"""Times one model file, whoever made it, with random inputs of its declared shapes: one inference after the other."""

from __future__ import annotations

from pathlib import Path

from l0gm_edge import backends
from l0gm_edge.core import plugins
from l0gm_edge.core.engine import EngineRun
from l0gm_edge.core.engine_layers import run_verdict
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import Execution, HardwareProfile
from l0gm_edge.core.profiled import ModelProfile
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.verdict import Status
from l0gm_edge.devices import Device
from l0gm_edge.measure import energy, layers, stream, tasks
from l0gm_edge.measure.profiled import percentiles, visiting
from l0gm_edge.measure.stream import Least

SILENT = Silent()


def profile_model(
    device: Device,
    hardware: HardwareProfile,
    model: Path,
    *,
    threads: int | None,
    with_layers: bool,
    settings: Measure,
    least: Least | None = None,
    progress: Progress = SILENT,
) -> ModelProfile:
    """Time a model on a device; free axes are taken as 1, and `threads` by default from the profile.

    With `least`, runs go on in each of the processes until their share of that is reached, whatever else `settings`
    say. Raises RefusedInput when the profile's runtimes cannot run such a file, and DeviceFailed.
    """
    runtime = runtime_of(model, hardware)
    steps = settings.processes + 2 + with_layers
    with visiting(device, hardware, model, runtime) as subject, progress.task(model.name, steps) as task:
        placed = subject.placed(model.stem, threads)
        if least is None:
            timing = tasks.time_interleaved(subject.device, [placed], {}, settings, task.advance)[placed.name]
            runs = sum(len(block.latencies_ns) for block in timing.blocks)
        else:
            timing, runs = stream.time(subject.device, placed, least, settings.processes, task.advance)
        weight = tasks.weigh(subject.device, placed, {})
        task.advance()
        head = subject.head(placed, weight.runtime_version, timing.unsteady, timing.held_back)
        used = energy.measure(subject.device, placed, {}, hardware.energy_rails)
        task.advance()
        operators = layers.measure(subject.device, placed) if with_layers else None
    found = ModelProfile.model_validate(
        {
            **head,
            "percentiles": percentiles(timing.blocks),
            "runs": runs,
            "warmup_runs": timing.warmup_runs,
            "load_ns": weight.load_ns,
            "peak_memory_bytes": weight.peak_memory_bytes,
            "operators": operators,
            "engine": weight.engine,
            "held_back": timing.held_back,
            "energy": used,
            "blocks": timing.blocks,
        }
    )
    return found.model_copy(update={"warnings": (*found.warnings, *_wider(weight.engine, model.name))})


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
