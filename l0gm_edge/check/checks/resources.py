"""File size, load time, memory and energy against the hardware profile's budgets."""

from __future__ import annotations

from statistics import median

from l0gm_edge.check.limits import not_measured, on_estimate, on_value
from l0gm_edge.check.steady import unsteady
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.evidence import Readings
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.latency import Estimate
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.verdict import Verdict


def check(evidence: Readings) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact and budget that is set."""
    hardware = evidence.hardware
    return tuple(
        verdict
        for one in evidence.of_role(Role.COMPRESSED)
        for verdict in budgeted(one.artifact, one.measurement, hardware)
    )


def budgeted(artifact: Artifact, measurement: Measurement, hardware: HardwareProfile) -> list[Verdict]:
    """A verdict on each of these budgets that is set."""
    peak, budgets = measurement.peak_memory_bytes, hardware.budgets
    verdicts = []
    if budgets.file_mb:
        size = artifact.size_bytes / 1e6
        verdicts.append(on_value("file_size", measurement, size, budgets.file_mb, "MB", "the file's size"))
    if budgets.load_ms:
        load = _load_ms(measurement.load_ns)
        verdicts.append(on_estimate("load_time", measurement, load, budgets.load_ms, "ms", "load time"))
    if budgets.peak_memory_mb:
        used = peak / 1e6 if peak else None
        verdicts.append(on_value("peak_memory", measurement, used, budgets.peak_memory_mb, "MB", "peak memory"))
    if budgets.energy_mj:
        verdicts.append(_energy(measurement, hardware, budgets.energy_mj))
    return verdicts


def _energy(measurement: Measurement, hardware: HardwareProfile, limit: float) -> Verdict:
    """INCONCLUSIVE, and why, where nothing tells of power, or where the device was another than it should be."""
    found, what = measurement.energy, "energy of one inference"
    why = found.unavailable or unsteady(measurement, hardware)
    if found.mj is None or why:
        reason = f"{what} was not measured: {why or 'the device told nothing'}"
        return not_measured("energy", measurement, limit, "mJ", reason)
    return on_value("energy", measurement, found.mj, limit, "mJ", what)


def _load_ms(load_ns: tuple[int, ...]) -> Estimate | None:
    """The median load; a model is loaded a handful of times, so the extremes stand for the interval."""
    return Estimate(median(load_ns) / 1e6, min(load_ns) / 1e6, max(load_ns) / 1e6) if load_ns else None
