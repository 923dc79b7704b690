"""Two models timed side by side, each loaded twice into every one of many fresh processes: what `compare` rests on."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from l0gm_edge.core.comparison import Session, Side
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.value import Value
from l0gm_edge.devices import Device
from l0gm_edge.measure import conditions, job, settings, tasks
from l0gm_edge.measure.job import LatencyJob, ModelFile, ModelResult

COPIES = 2
WEIGHINGS = 3
"""Processes that load one model alone, taking turns with the other side's."""


class Effort(Value):
    """How much is timed in one session; for a model of 1 ms about 20 seconds."""

    processes: int = 10
    rounds: int = 16
    runs_per_block: int = 8


EFFORT = Effort()


def time_pair(
    device: Device,
    profile: HardwareProfile,
    baseline: ModelFile,
    candidate: ModelFile,
    inputs: Mapping[str, str],
    *,
    first: int = 0,
    effort: Effort = EFFORT,
    step: Callable[[], None] = lambda: None,
) -> Session:
    """Time two models that lie on the device, blocks in random order; `step` is called after each process.

    Processes are numbered from `first`, which also seeds their order, so that sessions add up. Raises DeviceFailed.
    """
    results: list[tuple[int, dict[str, ModelResult]]] = []
    with settings.held(device, profile) as prepared:
        before = conditions.read(prepared)
        for process in range(first, first + effort.processes):
            results.append((process, _one_process(prepared, baseline, candidate, dict(inputs), process, effort)))
            step()
        weights = [
            [tasks.weigh(prepared, _copy(one, first + number), dict(inputs)) for one in (baseline, candidate)]
            for number in range(WEIGHINGS)
        ]
        after = conditions.read(prepared)
    held_back = tasks.held_back([(process, next(iter(found.values()))) for process, found in results])
    return Session(
        machine=before.machine,
        before=before.conditions,
        after=after.conditions,
        baseline=_side(baseline, results, [of_baseline for of_baseline, _ in weights], effort),
        candidate=_side(candidate, results, [of_candidate for _, of_candidate in weights], effort),
        disturbed=conditions.changes(before, after, profile, held_back),
    )


def _one_process(
    device: Device, baseline: ModelFile, candidate: ModelFile, inputs: dict[str, str], process: int, effort: Effort
) -> dict[str, ModelResult]:
    """Both models, each loaded `COPIES` times, in an order that differs from process to process."""
    models = [_copy(one, number) for one in (baseline, candidate) for number in range(COPIES)]
    random.Random(process).shuffle(models)  # noqa: S311 (an order, not a secret)
    wanted = LatencyJob(
        name=f"compare-{process}",
        models=tuple(models),
        inputs=inputs,
        seed=process,
        rounds=effort.rounds,
        runs_per_block=effort.runs_per_block,
    )
    return {one.name: one for one in job.run(device, wanted).models}


def _copy(model: ModelFile, number: int) -> ModelFile:
    return model.model_copy(update={"name": f"{model.name}-{number}"})


def _side(
    model: ModelFile,
    results: Sequence[tuple[int, Mapping[str, ModelResult]]],
    weights: Sequence[ModelResult],
    effort: Effort,
) -> Side:
    return Side(
        runtime_version=weights[0].runtime_version,
        copies=tuple(
            tuple(
                block
                for process, found in results
                for block in tasks.blocks_of(
                    process, found[_copy(model, number).name], effort.rounds, effort.runs_per_block
                )
            )
            for number in range(COPIES)
        ),
        load_ns=tuple(one.load_ns[0] for one in weights),
        peak_memory_bytes=tuple(one.peak_memory_bytes for one in weights if one.peak_memory_bytes),
    )
