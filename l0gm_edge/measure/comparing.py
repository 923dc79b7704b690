"""Many models held against one: ratios of interleaved blocks, with a control that says how quiet the machine is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from l0gm_edge.core.errors import NotQuiet
from l0gm_edge.core.latency import central, pair_ratios
from l0gm_edge.core.measurement import Block
from l0gm_edge.core.opening import Opening
from l0gm_edge.core.recipe import Measure
from l0gm_edge.devices import Device
from l0gm_edge.measure import tasks

BATCH = 8
"""Models timed together beside the baseline and its control: few, so that a block and its pair are close in time."""
ATTEMPTS = 3
QUIET = 0.05
"""How far the control's ratio may be from 1."""
BASELINE, CONTROL = "baseline", "control"

Ratios = tuple[tuple[float, ...], ...]
"""Ratios of block medians to the baseline's, process by process."""


@dataclass(frozen=True)
class Comparison:
    """Each model's ratios to the baseline; those of the control, and every run of the baseline, batch by batch."""

    ratios: Mapping[str, Ratios]
    controls: tuple[Ratios, ...]
    baseline_ns: tuple[tuple[int, ...], ...]


def compare(
    device: Device,
    runtime: str,
    threads: int,
    baseline: Path,
    control: Path,
    models: Mapping[str, Path],
    inputs: dict[str, str],
    settings: Measure,
    step: Callable[[], None] = lambda: None,
    opening: Opening = tasks.OPENING,
) -> Comparison:
    """Time models beside a baseline and its rebuilt `control`, in batches; `step` is called after each batch.

    The device holds the agent's programs and `inputs` already. A batch whose control leaves 1 +- `QUIET` is timed
    again, twice at most. Raises DeviceFailed, and NotQuiet when the control still says no.
    """
    placed = {
        name: tasks.put_model(device, name, runtime, threads, path, opening)
        for name, path in {BASELINE: baseline, CONTROL: control, **models}.items()
    }
    ratios: dict[str, Ratios] = {}
    controls, runs = [], []
    for batch in batches(list(models)):
        beside = [placed[name] for name in (BASELINE, CONTROL, *batch)]
        for attempt in range(1, ATTEMPTS + 1):
            timed = tasks.time_interleaved(device, beside, inputs, settings)
            dense = timed[BASELINE].blocks
            found = {name: ratios_of(timed[name].blocks, dense) for name in (CONTROL, *batch)}
            off = abs(central(found[CONTROL]) - 1)
            if off <= QUIET:
                break
            if attempt == ATTEMPTS:
                raise _not_quiet(off)
        ratios |= {name: found[name] for name in batch}
        controls.append(found[CONTROL])
        runs.append(tuple(ns for block in dense for ns in block.latencies_ns))
        step()
    return Comparison(ratios, tuple(controls), tuple(runs))


def batches(names: Sequence[str]) -> list[Sequence[str]]:
    """The names in groups that are timed together."""
    return [names[first : first + BATCH] for first in range(0, len(names), BATCH)]


def ratios_of(model: Sequence[Block], baseline: Sequence[Block]) -> Ratios:
    """The ratios of a model that was timed side by side with a baseline."""
    pairs = groupby(pair_ratios(model, baseline), key=lambda pair: pair[0])
    return tuple(tuple(ratio for _, ratio in of_process) for _, of_process in pairs)


def _not_quiet(off: float) -> NotQuiet:
    return NotQuiet(
        f"this machine is not quiet enough to size a model on: a model built twice differs by {off:.0%} from itself",
        allowed=f"at most {QUIET:.0%}",
        todo="stop what else runs there and try again, or ask for parameters or macs instead of milliseconds",
    )
