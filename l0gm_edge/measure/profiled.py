"""One model file on one device, ready to be profiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from l0gm_edge.core import latency
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Block, HeldBack
from l0gm_edge.core.opening import Opening, Settings
from l0gm_edge.core.profiled import Percentile, State
from l0gm_edge.devices import Device
from l0gm_edge.measure import conditions, job, settings, tasks
from l0gm_edge.measure.job import ModelFile

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Subject:
    """A model file, and a device that is as the profile wants it; `before` is its state at the beginning, which `read`
    tells."""

    device: Device
    hardware: HardwareProfile
    path: Path
    runtime: str
    before: State
    read: Callable[[Device], State] = conditions.read

    def placed(self, name: str, threads: int | None) -> ModelFile:
        """The file on the device under a name, opened with so many threads, by default the profile's."""
        found = self.hardware.opening(self.runtime)
        opening: Opening = found.model_copy(update={"settings": Settings(threads=threads).over(found.settings)})
        return tasks.put_model(self.device, name, self.runtime, self.hardware.threads, self.path, opening)

    def head(
        self, model: ModelFile, version: str, unsteady: Sequence[int] = (), held_back: Sequence[HeldBack] = ()
    ) -> dict[str, object]:
        """The fields of `Profiled` but for the energy; `unsteady` are the processes that did not warm up."""
        after = self.read(self.device)
        rest = f"did not come to rest while warming up, in {len(unsteady)} processes" if unsteady else ""
        return {
            "model": str(self.path),
            "sha256": model.sha256,
            "size_bytes": self.path.stat().st_size,
            "hardware": self.hardware.name,
            "runtime": self.runtime,
            "runtime_version": version,
            "threads": model.threads,
            "before": self.before,
            "after": after,
            "warnings": (
                *conditions.warnings(self.before, after, self.hardware, held_back),
                *([f"the model {rest}"] if rest else ()),
            ),
            "disturbed": conditions.changes(self.before, after, self.hardware, held_back),
        }


@contextmanager
def visiting(device: Device, hardware: HardwareProfile, model: Path, runtime: str) -> Iterator[Subject]:
    """The device with the agent's programs, and as its profile wants it meanwhile. Raises DeviceFailed."""
    job.put_programs(device)
    with settings.held(device, hardware) as prepared:
        yield Subject(prepared, hardware, model, runtime, conditions.read(prepared))


def percentiles(blocks: Sequence[Block], wanted: Sequence[int] = PERCENTILES) -> tuple[Percentile, ...]:
    """The percentiles of all runs, with intervals that resample processes and blocks."""
    runs = [ns for block in blocks for ns in block.latencies_ns]
    return tuple(_percentile(blocks, runs, q) for q in wanted)


def _percentile(blocks: Sequence[Block], runs: Sequence[int], q: int) -> Percentile:
    found, needed = latency.block_percentile(blocks, q), latency.samples_needed(q)
    if found is None:
        return Percentile(q=q, runs_needed=needed, why=f"needs {needed} runs, {len(runs)} were taken")
    return Percentile(
        q=q,
        runs_needed=needed,
        value_ns=found.value,
        interval_ns=(found.low, found.high),
        bound_ns=latency.early_stopping(runs, q),
    )
