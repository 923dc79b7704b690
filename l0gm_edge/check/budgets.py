"""A model's profile against the budgets of the device that it was timed on."""

from __future__ import annotations

from pathlib import Path

from l0gm_edge.check import checks
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.evidence import Measured, Readings
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.profiled import ModelProfile
from l0gm_edge.core.verdict import Verdict

CHECKS = ("latency", "resources")


def budgets(found: ModelProfile, hardware: HardwareProfile) -> tuple[Verdict, ...]:
    """A verdict on every budget that the profile of the device names, from the checks that a run makes."""
    name = Path(found.model).name
    artifact = Artifact(
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
    measurement = Measurement(
        artifact=name,
        artifact_sha256=found.sha256,
        hardware=found.hardware,
        execution=hardware.execution,
        runtime=found.runtime,
        runtime_version=found.runtime_version,
        threads=found.threads,
        machine=found.before.machine,
        session="",
        warmup_runs=sum(found.warmup_runs),
        blocks=found.blocks,
        load_ns=found.load_ns,
        peak_memory_bytes=found.peak_memory_bytes,
        energy=found.energy,
        held_back=found.held_back,
        conditions_before=found.before.conditions,
        conditions_after=found.after.conditions,
        outputs={},
        outputs_sha256={},
        time=found.before.conditions.time,
        commit=None,
        dirty=None,
    )
    readings = Readings(
        hardware=hardware,
        reference={Role.COMPRESSED: {}},
        measured=(Measured(artifact, measurement, outputs={}),),
    )
    return tuple(verdict for check in CHECKS for verdict in checks.on_readings(check).check(readings))
