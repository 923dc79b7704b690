"""Cost tables: a model's cuts compiled and timed on a device before anything is trained."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import prod
from pathlib import Path

from torch import Tensor

from l0gm_edge.core import environment, shipped, store
from l0gm_edge.core.errors import RefusedInput, TargetImpossible
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.value import Value
from l0gm_edge.cost.latency import accuracy
from l0gm_edge.cost.sample import sample
from l0gm_edge.cost.table import Accuracy, Key, Row, Table, packed
from l0gm_edge.measure.job import Arrays
from l0gm_edge.pipeline.cuts import Subject
from l0gm_edge.pipeline.timing import FLOOR, Bench, bench, of_each

SILENT = Silent()
SCHEME = "fp32"
"""What is sized. Quantized files of the cut model are made and timed as well, but the budget is met without them."""


class Effort(Value):
    """How many cuts are timed, and how. The fit rests on `first` of them; while it misses the `held_out` ones by more
    than `good` (median), `more` are added, up to `most` in all."""

    first: int = 40
    held_out: int = 16
    more: int = 24
    most: int = 128
    good: float = 0.05
    timing: Measure = Measure(processes=4, blocks=8, runs_per_block=10)


EFFORT = Effort()
FEWEST = 4
"""Cuts, the dense model among them, that are too few to fit anything to."""


class Tables(Value):
    """One table for each runtime that the profile requires, and how well each predicts."""

    tables: tuple[Table, ...]
    accuracies: tuple[Accuracy, ...]


class Summary(Value):
    """A table in figures: a device, what it takes for the dense model and for almost none, and how far to trust it.

    `control` are the least and the greatest ratio of a rebuilt dense model to the dense model.
    """

    hardware: str
    processor: str
    runtime: str
    scheme: str
    threads: int
    dense_ms: float
    fixed_ms: float
    p90_over_p50: float
    cuts: int
    held_out: Accuracy
    control: tuple[float, float]
    path: str


def summaries(found: Tables) -> tuple[Summary, ...]:
    """Each table in figures, and where it is kept."""
    return tuple(
        Summary(
            hardware=table.key.hardware,
            processor=table.key.machine.get("processor", "unknown processor"),
            runtime=table.key.runtime,
            scheme=table.key.scheme,
            threads=table.key.threads,
            dense_ms=table.dense_ms,
            fixed_ms=table.fixed_ms,
            p90_over_p50=table.p90_over_p50,
            cuts=len(table.rows),
            held_out=missed,
            control=table.control,
            path=str(_path(table.key)),
        )
        for table, missed in zip(found.tables, found.accuracies, strict=True)
    )


def tabulate(
    subject: Subject,
    hardware: HardwareProfile,
    rows: Arrays,
    effort: Effort = EFFORT,
    progress: Progress = SILENT,
) -> Tables:
    """Time cuts of a model on every runtime that the profile requires; what was timed before is not timed again.

    `rows` (n, *shape) a named input are what the model is run on. Tables are kept in the user's cache folder.
    Raises RefusedInput, ExportFailed, MissingExtra, DeviceFailed, or NotQuiet.
    """
    tables = []
    with bench(subject, hardware, rows, progress) as on_device:
        machine = on_device.machine()
        for runtime in [one.name for one in hardware.runtimes if one.required] or [hardware.runtimes[0].name]:
            key = Key(
                model_sha256=subject.sha256,
                runtime=runtime,
                scheme=SCHEME,
                hardware=hardware.name,
                machine=machine,
                threads=hardware.threads,
                opening=hardware.opening(runtime),
                tools=environment.tool_versions(),
            )
            tables.append(_known(key) or _measured(on_device, key, effort))
    return Tables(tables=tuple(tables), accuracies=tuple(accuracy(table, subject.size) for table in tables))


def cache_folder() -> Path:
    """Where tables are kept: `L0GM_EDGE_COST`, or the user's cache folder."""
    given = os.environ.get("L0GM_EDGE_COST")
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(given or f"{cache}/l0gm-edge/cost").expanduser()


def _path(key: Key) -> Path:
    return cache_folder() / f"{key.sha256}.json"


def _known(key: Key) -> Table | None:
    """The table of this key, from the cache or shipped beside the profiles."""
    for path in (_path(key), shipped.folder("hardware") / "cost" / _path(key).name):
        if path.is_file():
            try:
                return store.read_value(Table, path)
            except RefusedInput:  # written by another version, or damaged
                continue
    return None


def _measured(on_device: Bench, key: Key, effort: Effort) -> Table:
    """Time cuts until those held out are predicted well, and keep the table."""
    subject = on_device.subject
    if (widths := prod(map(len, subject.allowed.values()))) <= FEWEST:
        raise TargetImpossible(
            f"a latency cannot be aimed at: this model has {widths} different cuts in all",
            where="gates",
            todo="gate more kinds of site, lower gates.min_units, or leave widths unrounded",
        )
    table: Table | None = None
    for count in range(effort.first + effort.held_out, effort.most + effort.more, effort.more):
        cuts = sample(subject.layout, subject.allowed, subject.size.macs, min(count, effort.most))[1:]  # dense stands
        table = _extended(on_device, key, table, cuts, effort)
        if len(table.rows) < count - 1 or accuracy(table, subject.size).median <= effort.good:
            break
    assert table is not None
    store.write_value(_path(key), table)
    return table


def _extended(on_device: Bench, key: Key, table: Table | None, cuts: Sequence[Tensor], effort: Effort) -> Table:
    """The table with those cuts timed that it lacks; of the first call's, the last `held_out` are held out."""
    done = len(table.rows) if table else 0
    fresh = cuts[done:]
    found = on_device.compare(key.runtime, fresh, effort.timing, floor=table is None)
    spared = min(effort.held_out, len(cuts) // 3) if table is None else 0
    held_out = range(len(cuts) - spared, len(cuts))
    rows = tuple(
        Row(kept=packed(kept), ratios=timed, held_out=done + index in held_out)
        for index, (kept, timed) in enumerate(zip(fresh, of_each(found, fresh), strict=True))
    )
    if table is None:
        return Table(
            key=key,
            units=on_device.subject.layout.units,
            dense_ns=found.baseline_ns,
            floor=found.ratios[FLOOR],
            controls=found.controls,
            rows=rows,
        )
    return table.model_copy(
        update={
            "dense_ns": table.dense_ns + found.baseline_ns,
            "controls": table.controls + found.controls,
            "rows": table.rows + rows,
        }
    )
