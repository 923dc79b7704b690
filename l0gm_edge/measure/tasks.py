"""The agent's tasks as functions: place models and rows on a device, then time, weigh or ask them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l0gm_edge.core.engine import TENSORRT
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.evidence import Logits
from l0gm_edge.core.measurement import Block, HeldBack
from l0gm_edge.core.opening import Opening
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.store import file_sha256
from l0gm_edge.devices import Device
from l0gm_edge.measure import engines, job
from l0gm_edge.measure.job import (
    Arrays,
    FootprintJob,
    LatencyJob,
    ModelFile,
    ModelResult,
    OutputsJob,
    PrepareJob,
)

SAMPLES = 8
LOAD_ROUNDS = 5
ENGINE = ".engine"
"""How engines end that were built elsewhere: they are run as they are."""


@dataclass(frozen=True)
class Timing:
    """One model's blocks over all processes, and the runs that each process spent on warming it up; `unsteady` are the
    processes in which it did not come to rest, `held_back` the rounds in which the device was slowed down."""

    blocks: tuple[Block, ...] = ()
    warmup_runs: tuple[int, ...] = ()
    unsteady: tuple[int, ...] = ()
    held_back: tuple[HeldBack, ...] = ()


OPENING = Opening()


def put_model(
    device: Device, name: str, runtime: str, threads: int, path: Path, opening: Opening = OPENING
) -> ModelFile:
    """Copy a model file to the device, under its own name and ending; `threads` is for what `opening` does not tell.

    Of TensorRT, what its engine is built from goes along. Raises as `engines.put_beside` does.
    """
    remote = f"{name}{path.suffix}"
    device.put(path, remote)
    if runtime == TENSORRT and path.suffix != ENGINE:
        engines.put_beside(device, path, remote, opening.engine)
    return ModelFile(
        name=name,
        path=remote,
        sha256=file_sha256(path),
        runtime=runtime,
        threads=opening.settings.threads or threads,
        opening=opening,
    )


def put_sets(device: Device, sets: Mapping[str, Arrays]) -> dict[str, str]:
    """Copy sets of rows to the device; returns where each lies, as a job's `inputs` want it."""
    placed = {name: f"{name}.npz" for name in sets}
    for name, arrays in sets.items():
        job.put_arrays(device, arrays, placed[name])
    return placed


def samples(arrays: Arrays) -> Arrays:
    """A handful of rows, evenly spread over a set, for timed runs to rotate through."""
    rows = len(next(iter(arrays.values())))
    chosen = np.unique(np.linspace(0, rows - 1, SAMPLES).astype(int))
    return {name: values[chosen] for name, values in arrays.items()}


def prepare(device: Device, model: ModelFile) -> ModelResult:
    """Have one model's engine built, or its runtime looked for. Raises DeviceFailed with why that cannot be."""
    return job.run(device, PrepareJob(name=f"prepare-{model.name}", models=(model,))).models[0]


def time_interleaved(
    device: Device,
    models: Sequence[ModelFile],
    inputs: dict[str, str],
    settings: Measure,
    step: Callable[[], None] = lambda: None,
) -> dict[str, Timing]:
    """Time models side by side in `settings.processes` fresh processes; `step` is called after each.

    Blocks of two models with the same (process, round) pair: all models are loaded at once, and each round runs one
    block of each in random order. Raises DeviceFailed.
    """
    results = []
    for process in range(settings.processes):
        wanted = LatencyJob(
            name=f"latency-{process}",
            models=tuple(models),
            inputs=inputs,
            seed=process,
            rounds=settings.blocks,
            runs_per_block=settings.runs_per_block,
        )
        results.append(job.run(device, wanted).models)
        step()
    return {model.name: _timing([of_process[k] for of_process in results], settings) for k, model in enumerate(models)}


def weigh(device: Device, model: ModelFile, inputs: dict[str, str]) -> ModelResult:
    """Load times (process-first first) and peak memory of a fresh process that holds this model alone.

    The peak is that of the whole process, Python and the runtime included. Raises DeviceFailed.
    """
    return job.run(device, FootprintJob(name=f"footprint-{model.name}", models=(model,), inputs=inputs)).models[0]


def load_times(device: Device, models: Sequence[ModelFile], inputs: dict[str, str]) -> dict[str, tuple[int, ...]]:
    """Load times in nanoseconds of several models, by turns in one fresh process. Raises DeviceFailed."""
    wanted = FootprintJob(name="loads", models=tuple(models) * LOAD_ROUNDS, inputs=inputs, loads=2, runs=1)
    found = job.run(device, wanted).models
    return {model.name: tuple(ns for one in found if one.name == model.name for ns in one.load_ns) for model in models}


def ask(device: Device, models: Sequence[ModelFile], inputs: dict[str, str], folder: Path) -> tuple[ModelResult, ...]:
    """Bring back each model's answers to each set as `outputs_path(folder, model, set)`. Raises DeviceFailed."""
    found = job.run(device, OutputsJob(name="outputs", models=tuple(models), inputs=inputs)).models
    for one in found:
        if one.outputs.keys() != inputs.keys():
            raise DeviceFailed(
                f"answers to {sorted(one.outputs)} came back, {sorted(inputs)} were asked for", where=one.name
            )
        for split, remote in one.outputs.items():
            device.get(remote, outputs_path(folder, one.name, split))
    return found


def outputs_path(folder: Path, model: str, split: str) -> Path:
    """Where a model's answers to a set lie once they are brought back."""
    return folder / f"{model}-{split}.npy"


def read_outputs(path: Path, rows: int) -> Logits:
    """A device's answers to a set. Raises DeviceFailed unless they are `rows` rows of finite float32 numbers."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise DeviceFailed(f"the outputs that came back are not readable: {error}", where=path.name) from error
    if found.dtype != np.float32 or found.ndim != 2 or len(found) != rows or not found.size:
        raise DeviceFailed(
            f"the outputs that came back have shape {found.shape} and type {found.dtype}",
            where=path.name,
            allowed=f"({rows}, classes) float32",
        )
    if not np.isfinite(found).all():
        raise DeviceFailed(
            "the model answered with NaN or infinity", where=path.name, todo="look at the artifact's numeric scheme"
        )
    return np.asarray(found)


def blocks_of(process: int, found: ModelResult, rounds: int, runs: int) -> tuple[Block, ...]:
    """One process's blocks of one model. Raises DeviceFailed unless there are `rounds` of `runs` runs each."""
    if [len(block) for block in found.rounds] != [runs] * rounds:
        raise DeviceFailed(
            f"{sum(map(len, found.rounds))} runs in {len(found.rounds)} blocks came back",
            where=found.name,
            allowed=f"{rounds} blocks of {runs} runs",
        )
    return tuple(Block(process=process, round=index, latencies_ns=block) for index, block in enumerate(found.rounds))


def _timing(found: Sequence[ModelResult], settings: Measure) -> Timing:
    return Timing(
        blocks=tuple(
            block
            for process, one in enumerate(found)
            for block in blocks_of(process, one, settings.blocks, settings.runs_per_block)
        ),
        warmup_runs=tuple(one.warmup_runs for one in found),
        unsteady=tuple(process for process, one in enumerate(found) if one.steady is False),
        held_back=held_back(list(enumerate(found))),
    )


def held_back(found: Sequence[tuple[int, ModelResult]]) -> tuple[HeldBack, ...]:
    """The rounds after which the device said that it is slowed down, of one model in numbered processes."""
    return tuple(
        HeldBack(process=process, round=number, reasons=reasons)
        for process, one in found
        for number, reasons in one.held_back.items()
    )
