"""File size, load time, memory and energy against the hardware profile's budgets."""

from __future__ import annotations

from statistics import median

from l0gm_edge.check.limits import on_estimate, on_value
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Measured, Readings
from l0gm_edge.core.hardware import Budgets
from l0gm_edge.core.latency import Estimate
from l0gm_edge.core.verdict import Verdict


def check(evidence: Readings) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact and budget that is set."""
    budgets = evidence.hardware.budgets
    return tuple(verdict for one in evidence.of_role(Role.COMPRESSED) for verdict in _verdicts(one, budgets))


def _verdicts(one: Measured, budgets: Budgets) -> list[Verdict]:
    measurement, peak = one.measurement, one.measurement.peak_memory_bytes
    verdicts = []
    if budgets.file_mb:
        size = one.artifact.size_bytes / 1e6
        verdicts.append(on_value("file_size", measurement, size, budgets.file_mb, "MB", "the file's size"))
    if budgets.load_ms:
        load = _load_ms(measurement.load_ns)
        verdicts.append(on_estimate("load_time", measurement, load, budgets.load_ms, "ms", "load time"))
    if budgets.peak_memory_mb:
        used = peak / 1e6 if peak else None
        verdicts.append(on_value("peak_memory", measurement, used, budgets.peak_memory_mb, "MB", "peak memory"))
    if budgets.energy_mj:
        energy = measurement.energy_mj
        verdicts.append(on_value("energy", measurement, energy, budgets.energy_mj, "mJ", "energy of one inference"))
    return verdicts


def _load_ms(load_ns: tuple[int, ...]) -> Estimate | None:
    """The median load; a model is loaded a handful of times, so the extremes stand for the interval."""
    return Estimate(median(load_ns) / 1e6, min(load_ns) / 1e6, max(load_ns) / 1e6) if load_ns else None
