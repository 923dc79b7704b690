"""What the host asks of the agent on the device, and what comes back: one job, one process, one result."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from l0gm_edge.core import arrays as npz
from l0gm_edge.core.engine import EngineRun
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.measurement import Nanoseconds
from l0gm_edge.core.opening import Opening
from l0gm_edge.core.profiled import OfflineRun, StreamWindow
from l0gm_edge.core.store import write_text
from l0gm_edge.core.told import Told
from l0gm_edge.core.value import Value
from l0gm_edge.devices import CommandResult, Device, Outcome

Arrays = Mapping[str, NDArray[np.generic]]

TIMEOUT_S = 3600.0
PROGRAMS = (
    *("agent.py", "conditions.py", "onnxruntime_layers.py", "tflite_layers.py", "tflite_model.py"),
    *("cuda_driver.py", "tensorrt_build.py", "tensorrt_engine.py", "tensorrt_layers.py", "tensorrt_model.py"),
    *("onnxruntime_session.py", "trtexec.py", "board.py", "held_back.py", "settings.py"),
    *("energy_task.py", "offline_task.py", "rails.py", "stream_task.py", "tensors_task.py", "unpaused.py"),
)


class ModelFile(Value):
    """A model as it lies in the device's work folder, and how to run it; `opening` is for ONNX Runtime alone."""

    name: str
    path: str
    sha256: str
    runtime: str
    threads: PositiveInt
    opening: Opening = Opening()


class WarmUp(Value):
    """Windows of `window` runs until two medians in a row agree within `tolerance`, inside the other limits."""

    window: PositiveInt = 10
    min_runs: PositiveInt = 20
    max_runs: PositiveInt = 2000
    max_seconds: float = 2.0
    tolerance: float = 0.02


class Job(Value):
    """Work for one agent process, named once in a work folder: `inputs` maps a set's name to its .npz there."""

    name: str
    models: tuple[ModelFile, ...]
    inputs: dict[str, str] = Field(default_factory=dict)
    seed: int = 0


class PrepareJob(Job):
    """Look at files, import runtimes, and build the engines that are not kept yet."""

    task: Literal["prepare"] = "prepare"


class LatencyJob(Job):
    """Blocks of all models in random order a round; rows rotate through the set "samples", or are random without it."""

    task: Literal["latency"] = "latency"
    warm_up: WarmUp = WarmUp()
    rounds: PositiveInt
    runs_per_block: PositiveInt
    settle_runs: NonNegativeInt = 2


class OutputsJob(Job):
    """Every model's answers to every set of `inputs`."""

    task: Literal["outputs"] = "outputs"


class TensorsJob(Job):
    """Every output of every model, for each set of `inputs`."""

    task: Literal["tensors"] = "tensors"


class FootprintJob(Job):
    """Load times and peak memory; one model, so that the process is its own."""

    task: Literal["footprint"] = "footprint"
    loads: PositiveInt = 4
    runs: PositiveInt = 10


class EnergyJob(Job):
    """A window of inferences without a pause, and what rails and counters told meanwhile."""

    task: Literal["energy"] = "energy"
    warm_up: WarmUp = WarmUp()
    seconds: PositiveFloat = 3.0
    interval_seconds: PositiveFloat = 0.1


class StreamJob(Job):
    """One inference after the other, for so long and so often at least, told in windows."""

    task: Literal["stream"] = "stream"
    warm_up: WarmUp = WarmUp()
    min_seconds: NonNegativeFloat
    min_runs: NonNegativeInt
    window_seconds: PositiveFloat
    most_kept: PositiveInt = 1000


class OfflineJob(Job):
    """All samples at once, in batches of `batch`: enough of them for the least time and the least number."""

    task: Literal["offline"] = "offline"
    warm_up: WarmUp = WarmUp()
    min_seconds: NonNegativeFloat
    min_samples: PositiveInt
    batch: PositiveInt = 1


class PowerSample(Value):
    """What was told at one moment of the device's monotonic clock; `line` is tegrastats' own."""

    ns: int
    rails_mw: dict[Told, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    counters_uj: dict[Told, NonNegativeInt]
    line: Told | None = None


class PowerLog(Value):
    """A window of `runs` inferences, and samples around it; a counter begins again at its span."""

    began_ns: int
    ended_ns: int
    runs: PositiveInt
    samples: tuple[PowerSample, ...]
    spans_uj: dict[Told, PositiveInt] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ended_ns <= self.began_ns or any(a.ns >= b.ns for a, b in pairwise(self.samples)):
            raise ValueError("time runs backwards")
        return self


AnyJob = PrepareJob | LatencyJob | OutputsJob | TensorsJob | FootprintJob | EnergyJob | StreamJob | OfflineJob


class ModelResult(Value):
    """What the agent says of one model; only the fields of its task are filled."""

    name: str
    sha256: str
    runtime_version: Told
    engine: EngineRun | None = None
    warmup_runs: NonNegativeInt = 0
    steady: bool | None = None
    held_back: dict[NonNegativeInt, Annotated[tuple[Told, ...], Field(min_length=1)]] = Field(default_factory=dict)
    power: PowerLog | None = None
    windows: tuple[StreamWindow, ...] = ()
    offline: OfflineRun | None = None
    rounds: tuple[tuple[Nanoseconds, ...], ...] = ()
    load_ns: tuple[Nanoseconds, ...] = ()
    peak_memory_bytes: PositiveInt | None = None
    outputs: dict[str, str] = Field(default_factory=dict)


class JobResult(Value):
    """The agent's result file."""

    status: Literal["ok", "failed"]
    message: Told | None
    models: tuple[ModelResult, ...]


def put_programs(device: Device) -> None:
    """Copy the on-device programs into the work folder."""
    for name in PROGRAMS:
        with as_file(files("l0gm_edge.ondevice") / name) as path:
            device.put(path, name)


def put_arrays(device: Device, arrays: Arrays, remote: str) -> None:
    """Copy named arrays to the device as one .npz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        npz.write(path, arrays)
        device.put(path, remote)


def run(
    device: Device, job: AnyJob, timeout_s: float = TIMEOUT_S, told: Callable[[str], object] | None = None
) -> JobResult:
    """Run a job in a fresh agent process; `told` is called with what it prints, a line at a time.

    Raises DeviceFailed, with the agent's own message, when it failed, when it did not answer in time, or when it speaks
    of other models than it was asked about.
    """
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "job.json"
        write_text(local, job.model_dump_json())
        device.put(local, f"{job.name}.json")
        command = [device.python(), "agent.py", f"{job.name}.json"]
        ended = device.run(command, timeout_s) if told is None else device.stream(command, timeout_s, told)
        if ended.outcome in (Outcome.TIMEOUT, Outcome.TRANSPORT_LOST) or ended.status not in (0, 1):
            raise DeviceFailed(f"{job.task}: the agent did not finish: {why(ended)}", where=_names(job))
        try:
            device.get(f"{job.name}-result.json", local)
            result = JobResult.model_validate_json(local.read_bytes())
        except (DeviceFailed, ValidationError) as error:
            raise DeviceFailed(
                f"{job.task}: the agent left no sound result: {why(ended)}", where=_names(job)
            ) from error
    if result.status == "failed":
        raise DeviceFailed(f"{job.task}: {result.message}", where=_names(job))
    if [(one.name, one.sha256) for one in result.models] != [(one.name, one.sha256) for one in job.models]:
        raise DeviceFailed(f"{job.task}: the agent answered about other models than it was asked", where=_names(job))
    return result


def why(ended: CommandResult) -> str:
    """How a command ended, in a few words: its last line, or its outcome and status."""
    said = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
    status = "" if ended.status is None else f", status {ended.status}"
    return f"{ended.outcome}{status}" + (f": {said[-1].strip()}" if said else "")


def _names(job: AnyJob) -> str:
    return ", ".join(model.name for model in job.models)
