"""A model's profile against the budgets of the device that it was timed on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from l0gm_edge.check import checks
from l0gm_edge.check.aggregates import aggregates
from l0gm_edge.core.aggregates import ONLY
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.evidence import Measured, Readings, Unmeasured
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.profiled import AggregateProfile, ModelProfile, Profiled
from l0gm_edge.core.verdict import Verdict

CHECKS = ("latency", "resources")


def budgets(found: ModelProfile | AggregateProfile, hardware: HardwareProfile) -> tuple[Verdict, ...]:
    """A verdict on every budget that the profile of the device names, from the checks that a run makes.

    A native runner's aggregates answer some of them; the others are INCONCLUSIVE.
    """
    artifact = _artifact(found)
    if isinstance(found, AggregateProfile):
        measurement = _measurement(found, hardware, {"aggregates": found.processes, "unmeasured": ONLY})
        timed = Unmeasured(artifact, ONLY, measurement)
        readings = Readings(hardware=hardware, reference={Role.COMPRESSED: {}}, measured=(), unmeasured=(timed,))
        return aggregates(readings)
    samples = {
        "warmup_runs": sum(found.warmup_runs),
        "blocks": found.blocks,
        "held_back": found.held_back,
    }
    measured = Measured(artifact, _measurement(found, hardware, samples), outputs={})
    readings = Readings(hardware=hardware, reference={Role.COMPRESSED: {}}, measured=(measured,))
    return tuple(verdict for check in CHECKS for verdict in checks.on_readings(check).check(readings))


def _artifact(found: Profiled) -> Artifact:
    name = Path(found.model).name
    return Artifact(
        name=name,
        role=Role.COMPRESSED,
        runtime=found.runtime,
        scheme="",
        path=name,
        sha256=found.sha256,
        size_bytes=found.size_bytes,
        inputs=(),
        outputs=(),
        recipe_sha256=None,
        tools={},
        ops={},
    )


def _measurement(
    found: ModelProfile | AggregateProfile, hardware: HardwareProfile, more: Mapping[str, object]
) -> Measurement:
    """What was found as a run's measurement of it; `more` are the fields that only this kind of profile has."""
    return Measurement.model_validate(
        {
            "artifact": Path(found.model).name,
            "artifact_sha256": found.sha256,
            "hardware": found.hardware,
            "execution": hardware.execution,
            "runtime": found.runtime,
            "runtime_version": found.runtime_version,
            "threads": found.threads,
            "machine": found.before.machine,
            "session": "",
            "warmup_runs": 0,
            "blocks": (),
            "load_ns": found.load_ns,
            "peak_memory_bytes": found.peak_memory_bytes,
            "energy": found.energy,
            "conditions_before": found.before.conditions,
            "conditions_after": found.after.conditions,
            "outputs": {},
            "outputs_sha256": {},
            "time": found.before.conditions.time,
            "commit": None,
            "dirty": None,
            **more,
        }
    )
