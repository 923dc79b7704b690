"""The regression gate from its two arguments to its verdicts: pairs found, timed side by side, judged, timed again."""

from __future__ import annotations

import numpy as np

from l0gm_edge import devices
from l0gm_edge.check import regression
from l0gm_edge.check.slow_operators import operator_changes, slow_operators
from l0gm_edge.core.comparison import Comparison, OperatorChange, Pair, Session
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import Execution, HardwareProfile
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.verdict import Status, Verdict
from l0gm_edge.devices import Device
from l0gm_edge.measure import ab, job, layers, native, tasks
from l0gm_edge.measure.ab import EFFORT, Effort
from l0gm_edge.measure.job import ModelFile
from l0gm_edge.pipeline.contenders import Source, opened, paired

ATTEMPTS = 3
"""Sessions at most; they add up."""
SILENT = Silent()


def compare(
    baseline: str,
    candidate: str,
    hardware: HardwareProfile,
    *,
    attempts: int = ATTEMPTS,
    effort: Effort = EFFORT,
    with_operators: bool = False,
    progress: Progress = SILENT,
) -> Comparison:
    """Is the candidate worse than the baseline on this device?

    Either is a model file, the folder of a bundle or a run, or git:REVISION:PATH of one of these. Models of the same
    runtime are timed side by side; while that does not settle it, again, in `attempts` sessions at most. Operators are
    profiled where latency fails, or with `with_operators`. Raises RefusedInput, IntegrityError and DeviceFailed.
    """
    if hardware.execution is not Execution.HARDWARE:
        raise RefusedInput(f"{hardware.name} is {hardware.execution}; only real hardware can be timed")
    native.refuse(hardware, "compare")
    with opened(baseline, hardware) as theirs, opened(candidate, hardware) as ours:
        pairs, notes = paired(theirs, ours)
        with devices.opened(hardware) as device:
            job.put_programs(device)
            found = tuple(_pair(device, hardware, *pair, attempts, effort, with_operators, progress) for pair in pairs)
    return Comparison(hardware=hardware.name, baseline=baseline, candidate=candidate, pairs=found, notes=notes)


def _pair(
    device: Device,
    hardware: HardwareProfile,
    baseline: Source,
    candidate: Source,
    attempts: int,
    effort: Effort,
    with_operators: bool,
    progress: Progress,
) -> Pair:
    theirs = _placed(device, hardware, "baseline", baseline)
    ours = _placed(device, hardware, "candidate", candidate)
    inputs = _samples(device, baseline, candidate)
    sessions: list[Session] = []
    verdicts: tuple[Verdict, ...] = ()
    while len(sessions) < attempts and not (sessions and regression.settled(verdicts)):
        first = len(sessions) * effort.processes
        with progress.task(candidate.contender.runtime, effort.processes) as task:
            sessions.append(
                ab.time_pair(device, hardware, theirs, ours, inputs, first=first, effort=effort, step=task.advance)
            )
        verdicts = regression.verdicts(baseline.contender, candidate.contender, sessions, hardware.regression)
    told, operators = _explained(device, theirs, ours, verdicts, with_operators)
    return Pair(
        baseline=baseline.contender,
        candidate=candidate.contender,
        sessions=tuple(sessions),
        verdicts=told,
        operators=operators,
    )


def _placed(device: Device, hardware: HardwareProfile, name: str, source: Source) -> ModelFile:
    return tasks.put_model(
        device,
        name,
        source.contender.runtime,
        hardware.threads,
        source.path,
        hardware.opening(source.contender.runtime),
    )


def _samples(device: Device, baseline: Source, candidate: Source) -> dict[str, str]:
    """The candidate's samples where both sides take the same inputs; else rows are random, of the declared shapes."""
    if candidate.samples is None or not baseline.inputs or baseline.inputs != candidate.inputs:
        return {}
    return tasks.put_sets(device, {"samples": dict(np.load(candidate.samples, allow_pickle=False))})


def _explained(
    device: Device, baseline: ModelFile, candidate: ModelFile, verdicts: tuple[Verdict, ...], asked: bool
) -> tuple[tuple[Verdict, ...], tuple[OperatorChange, ...]]:
    """The verdicts, where latency failed with the operators that cost it; and what each operator takes, if profiled."""
    failed = next((one for one in verdicts if (one.check, one.status) == ("latency", Status.FAIL)), None)
    if failed is None and not asked:
        return verdicts, ()
    theirs, ours = layers.measure(device, baseline), layers.measure(device, candidate)
    changes = operator_changes(ours, theirs) if ours.layers and theirs.layers else ()
    if failed is None:
        return verdicts, changes
    told = failed.model_copy(update={"reason": f"{failed.reason}; {slow_operators(ours, theirs, 'the baseline')}"})
    return tuple(told if one is failed else one for one in verdicts), changes
