"""The runner on a device: put there, made executable, and started once for each process of runs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from l0gm_edge.core.aggregates import Aggregates
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.profiled import OperatorTimes
from l0gm_edge.core.runner import Runner
from l0gm_edge.core.store import require_digest
from l0gm_edge.core.value import Value
from l0gm_edge.devices import CommandResult, Device, Outcome
from l0gm_edge.measure.job import ModelFile, why
from l0gm_edge.measure.native import operators, output

PROGRAM = "benchmark_model"
OPERATORS = "operators.csv"
SHORT_S = 30.0
GRACE_S = 300.0
"""For what comes before and after the runs: loading, a slow disk."""


class Runs(Value):
    """What one process is asked for: both the least number and the least time count, and none begins after the most."""

    runs: PositiveInt
    min_seconds: NonNegativeFloat = 0.0
    max_seconds: PositiveFloat = 1500.0
    warmup_runs: PositiveInt = 20
    warmup_seconds: NonNegativeFloat = 0.5


@dataclass(frozen=True)
class Native:
    """A device that has the runner, whose processes keep to the cores of the profile."""

    device: Device
    runner: Runner
    affinity: tuple[int, ...] = ()

    def time(self, model: ModelFile, asked: Runs) -> Aggregates:
        """One fresh process. Raises DeviceFailed when it does not end well, or did less or else than it was asked."""
        found = output.read(self._run(model, asked))
        known = {option.partition("=")[0] for option in options(model, asked, self.runner.xnnpack)}
        if unknown := [name for name in found.ignored if name in known]:
            raise DeviceFailed(
                f"this runner does not know {', '.join(unknown)}",
                where=model.name,
                todo="leave `xnnpack` out of the profile's runner, or name another release of it",
            )
        if found.runs < asked.runs:
            raise DeviceFailed(
                f"the runner ended after {found.runs} of {asked.runs} runs: {asked.max_seconds:.0f} s were not enough",
                where=model.name,
                todo="ask for fewer --runs",
            )
        return found

    def peak_memory_bytes(self, model: ModelFile, asked: Runs) -> int | None:
        """The most that a process of its own held, the runner included, looked at every 50 ms while it ran.

        None where the runner does not tell. Raises DeviceFailed.
        """
        return output.read(self._run(model, asked, "--report_peak_memory_footprint=true")).peak_memory_bytes

    def operators(self, model: ModelFile, asked: Runs) -> OperatorTimes:
        """Every operator, timed in a process of its own; `unavailable` where this runner does not tell."""
        wanted = ("--enable_op_profiling=true", f"--profiling_output_csv_file={OPERATORS}")
        with tempfile.TemporaryDirectory(prefix="l0gm-edge-") as folder:
            table = Path(folder) / OPERATORS
            try:
                ignored = output.read(self._run(model, asked, *wanted)).ignored
                if "--enable_op_profiling" in ignored:
                    return OperatorTimes(unavailable="this runner does not know --enable_op_profiling")
                self.device.get(OPERATORS, table)
            except DeviceFailed as error:
                return OperatorTimes(unavailable=error.what)
            with table.open("rb") as stream:
                return operators.read(stream.read(operators.MOST_BYTES).decode(errors="replace"))

    def _run(self, model: ModelFile, asked: Runs, *more: str) -> str:
        """What it printed. Raises DeviceFailed when it failed."""
        command = [*_pinned(self.affinity), f"./{PROGRAM}", *options(model, asked, self.runner.xnnpack), *more]
        ended = self.device.run(command, 2 * asked.max_seconds + GRACE_S)
        if ended.outcome is not Outcome.OK:
            raise DeviceFailed(f"the runner did not finish: {_told(ended)}", where=model.name)
        return f"{ended.stdout}\n{ended.stderr}"


def version(runner: Runner) -> str:
    """What stands for a runner's version, which it does not tell: its digest."""
    return f"{PROGRAM}, sha256 {runner.sha256[:12]}"


def placed(device: Device, hardware: HardwareProfile) -> Native:
    """Send the profile's runner, for all that run it. Raises IntegrityError where it is another, and DeviceFailed."""
    runner = hardware.runner
    assert runner is not None  # who asks has seen it
    require_digest(Path(runner.path), runner.sha256)
    device.put(Path(runner.path), PROGRAM)
    ended = device.run(["chmod", "700", PROGRAM], SHORT_S)
    if ended.outcome is not Outcome.OK:
        raise DeviceFailed(f"the runner cannot be made executable: {why(ended)}", where=PROGRAM)
    return Native(device, runner, hardware.affinity)


def options(model: ModelFile, asked: Runs, xnnpack: bool | None = None) -> list[str]:
    """The command line of one process."""
    given = {
        "graph": f"./{model.path}",
        "num_threads": str(model.threads),
        "num_runs": str(asked.runs),
        "min_secs": f"{asked.min_seconds:g}",
        "max_secs": f"{asked.max_seconds:g}",
        "warmup_runs": str(asked.warmup_runs),
        "warmup_min_secs": f"{asked.warmup_seconds:g}",
        **({} if xnnpack is None else {"use_xnnpack": str(xnnpack).lower()}),
    }
    return [f"--{name}={value}" for name, value in given.items()]


def _pinned(cores: Sequence[int]) -> list[str]:
    """What starts a command on these cores alone, by a mask in hexadecimal digits."""
    return ["taskset", f"{sum(1 << core for core in cores):x}"] if cores else []


def _told(ended: CommandResult) -> str:
    said = output.errors(ended.stderr) or output.errors(ended.stdout)
    return f"{ended.outcome}: {said}" if said else why(ended)
