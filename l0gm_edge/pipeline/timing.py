"""Cuts of one model timed on a device: compiled once, then held against the dense model, side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from l0gm_edge import devices
from l0gm_edge.compile import export
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import Execution, HardwareProfile
from l0gm_edge.core.progress import Progress
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.store import text_sha256
from l0gm_edge.cost.table import packed
from l0gm_edge.devices import Device
from l0gm_edge.measure import comparing, conditions, job, native, tasks
from l0gm_edge.measure.comparing import Comparison, Ratios
from l0gm_edge.measure.job import Arrays
from l0gm_edge.measure.settings import held
from l0gm_edge.pipeline import cuts
from l0gm_edge.pipeline.cuts import Subject

FLOOR = "floor"


class Bench:
    """An open device, and a folder for the files of a subject's cuts; a cut is compiled once a runtime."""

    def __init__(
        self,
        subject: Subject,
        hardware: HardwareProfile,
        device: Device,
        inputs: dict[str, str],
        folder: Path,
        progress: Progress,
    ) -> None:
        self.subject, self._hardware, self._device, self._inputs = subject, hardware, device, inputs
        self._folder, self._progress = folder, progress

    def machine(self) -> dict[str, str]:
        """What the device is, its runtimes included; not how much memory it has left."""
        told = conditions.read(self._device).machine
        return {name: value for name, value in told.items() if name != "memory_mb"}

    def compare(self, runtime: str, kept: Sequence[Tensor], settings: Measure, *, floor: bool = False) -> Comparison:
        """Time cuts (bool, (units,)) beside the dense model; their names are those of `name`, and FLOOR.

        Raises ExportFailed, MissingExtra, DeviceFailed or NotQuiet.
        """
        dense, control = self._folder / "dense.pt2", self._folder / "control.pt2"
        every = torch.ones(self.subject.layout.units, dtype=torch.bool)
        programs = {name(one): self._folder / f"{name(one)}.pt2" for one in kept}
        wanted = {dense: every, control: every} | {programs[name(one)]: one for one in kept}
        steps = 2 * len(wanted) + floor + -(-(len(programs) + floor) // comparing.BATCH)
        with self._progress.task(f"cuts for {runtime}", steps) as task:
            for program, one in wanted.items():
                if not program.exists():
                    export.save_program(self.subject.cut(one), self.subject.example, program)
                task.advance()
            if floor:
                programs[FLOOR] = self._folder / f"{FLOOR}.pt2"
                cuts.export_floor(self.subject, programs[FLOOR])
            files = cuts.convert(runtime, [dense, control, *programs.values()], task.advance)
            models = {one: files[program] for one, program in programs.items()}
            with held(self._device, self._hardware) as device:
                return comparing.compare(
                    device,
                    runtime,
                    self._hardware.threads,
                    files[dense],
                    files[control],
                    models,
                    self._inputs,
                    settings,
                    task.advance,
                    self._hardware.opening(runtime),
                )


@contextmanager
def bench(subject: Subject, hardware: HardwareProfile, rows: Arrays, progress: Progress) -> Iterator[Bench]:
    """Open the profile's device for cuts of a subject; timed runs rotate through `rows`, (n, *shape) a named input.

    Raises RefusedInput for a device whose times mean nothing, and DeviceFailed.
    """
    require_real(hardware)
    connection = devices.opened(hardware)
    with tempfile.TemporaryDirectory(prefix="l0gm-edge-cuts-") as folder, connection as device:
        job.put_programs(device)
        inputs = tasks.put_sets(device, {"samples": tasks.samples(rows)})
        yield Bench(subject, hardware, device, inputs, Path(folder), progress)


def require_real(hardware: HardwareProfile) -> None:
    """Raise RefusedInput for a device whose times mean nothing."""
    if hardware.execution is not Execution.HARDWARE:
        raise RefusedInput(
            f"a target in milliseconds needs a real device; the profile's is {hardware.execution}",
            where=f"hardware profile {hardware.name}",
            todo="ask for parameters or macs, or a fraction of them",
        )
    native.refuse(hardware, "a target in milliseconds")


def name(kept: Tensor) -> str:
    """A cut's name: a digest of its open units."""
    return text_sha256(packed(kept))[:16]


def of_each(found: Comparison, kept: Sequence[Tensor]) -> list[Ratios]:
    """The ratios of these cuts, in their order."""
    return [found.ratios[name(one)] for one in kept]
