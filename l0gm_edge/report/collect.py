"""Everything a run found, gathered into one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median

from l0gm_edge.core import environment, latency, scores
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import BASE_SCHEME, Evidence, Measured, side_by_side
from l0gm_edge.core.finish import Finish
from l0gm_edge.core.report import (
    ArtifactRow,
    CompressedScores,
    Floor,
    ModelScores,
    Report,
    Routing,
    Taught,
)
from l0gm_edge.core.verdict import Choice, Status, Verdict, run_status


def collect(
    evidence: Evidence,
    verdicts: Sequence[Verdict],
    choices: Sequence[Choice],
    routing: Routing,
    seconds: Mapping[str, float],
    finishes: Sequence[Finish] = (),
    left_out: Sequence[str] = (),
    teacher: Taught | None = None,
) -> Report:
    """The report of a run; `seconds` is what each stage took, `left_out` the schemes without artifact.

    It passed when its run-level verdicts all did.
    """
    why = {choice.artifact: choice for choice in choices}
    return Report(
        passed=run_status(verdicts) is Status.PASS,
        recipe=evidence.recipe,
        hardware=evidence.hardware.shareable,
        verdicts=tuple(verdicts),
        dense=_dense(evidence),
        compressed=_compressed(evidence),
        artifacts=tuple(_row(evidence, one, why.get(one.artifact.name)) for one in evidence.models),
        floors=tuple(_floor(one) for one in evidence.of_role(Role.FLOOR)),
        sites=evidence.plan.sites,
        experts=evidence.plan.experts,
        latency=evidence.plan.latency,
        left_out=tuple(left_out),
        finishes=tuple(finishes),
        ways=tuple(evidence.ways.values()),
        routing=routing,
        subsets=evidence.subsets,
        teacher=teacher,
        environment=environment.describe(),
        seconds=dict(seconds),
    )


def _dense(evidence: Evidence) -> ModelScores:
    found = scores.score(evidence.reference[Role.DENSE], evidence.labels)
    plan = evidence.plan
    return ModelScores(**asdict(found), parameters=plan.parameters_before, macs=plan.macs_before)


def _compressed(evidence: Evidence) -> CompressedScores:
    found = scores.score(evidence.reference[Role.COMPRESSED], evidence.labels)
    plan = evidence.plan
    return CompressedScores(
        **asdict(found),
        parameters=plan.parameters_after,
        macs=plan.macs_after,
        active_fraction_requested=plan.target.active_fraction,
        active_fraction_realised=plan.active_fraction,
        exactness=evidence.exactness.worst,
    )


def _row(evidence: Evidence, one: Measured, choice: Choice | None) -> ArtifactRow:
    artifact, measurement = one.artifact, one.measurement
    found = scores.score(one.outputs, evidence.labels)
    logits, labels = one.outputs["test"], evidence.labels["test"]
    dense = evidence.float_twin(one, Role.DENSE)
    return ArtifactRow(
        name=artifact.name,
        role=artifact.role,
        runtime=artifact.runtime,
        scheme=artifact.scheme,
        sha256=artifact.sha256,
        bytes=artifact.size_bytes,
        **asdict(found),
        p50_ms=_percentile_ms(one, 50),
        p90_ms=_percentile_ms(one, 90),
        p50_ratio_to_dense=_ratio(one, dense),
        p50_ratio_to_fp32=_ratio(one, evidence.float_twin(one)),
        bytes_ratio_to_dense=artifact.size_bytes / dense.artifact.size_bytes if dense else None,
        load_ms=median(measurement.load_ns) / 1e6 if measurement.load_ns else None,
        peak_memory_bytes=measurement.peak_memory_bytes,
        energy_mj=measurement.energy.mj,
        chosen=bool(choice and choice.chosen),
        why=choice.why if choice else _role_of_dense(one),
        notes=artifact.notes,
        reliability=scores.reliability(logits, labels),
        reliability_scaled=scores.reliability(logits, labels, found.temperature),
        layers=measurement.layers,
    )


def _role_of_dense(one: Measured) -> str:
    compared = (
        "what the others on this runtime are compared with" if one.artifact.scheme == BASE_SCHEME else "reference"
    )
    return f"The dense model in {one.artifact.scheme}: {compared}."


def _floor(one: Measured) -> Floor:
    return Floor(runtime=one.artifact.runtime, bytes=one.artifact.size_bytes, p50_ms=_percentile_ms(one, 50))


def _percentile_ms(one: Measured, q: float) -> float | None:
    found = latency.percentile(one.measurement.latencies_ns, q)
    return found.value / 1e6 if found else None


def _ratio(one: Measured, baseline: Measured | None) -> float | None:
    found = side_by_side(one, baseline) if baseline else None
    return found.value if found else None
