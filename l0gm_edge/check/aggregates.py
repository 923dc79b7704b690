"""What a native runner's aggregates answer (load time, memory, the file's size), and what they leave open.

No single run stands behind them and no output, so that what needs samples or outputs is INCONCLUSIVE, whatever the
aggregates say.
"""

from __future__ import annotations

from l0gm_edge.check.checks import resources
from l0gm_edge.check.limits import not_measured
from l0gm_edge.core.aggregates import ONLY
from l0gm_edge.core.artifact import Artifact, Role
from l0gm_edge.core.evidence import BASE_SCHEME, Labelled, Readings
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.measurement import Measurement
from l0gm_edge.core.verdict import Verdict


def aggregates(evidence: Readings) -> tuple[Verdict, ...]:
    """Verdicts on each compressed artifact that a native runner timed."""
    return tuple(
        verdict
        for one in evidence.unmeasured
        if one.measurement is not None and one.measurement.aggregates and one.artifact.role is Role.COMPRESSED
        for verdict in (
            *_latency(one.measurement, evidence.hardware),
            *resources.budgeted(one.artifact, one.measurement, evidence.hardware),
            *_beside_others(one.artifact, one.measurement, evidence),
        )
    )


def _latency(measurement: Measurement, hardware: HardwareProfile) -> list[Verdict]:
    budgets = {"p50": hardware.budgets.p50_ms, "p90": hardware.budgets.p90_ms}
    told = "; ".join(str(one) for one in measurement.aggregates)
    return [
        not_measured(
            f"latency_{name}", measurement, limit, "ms", f"{name} with its interval needs samples; {ONLY}: {told}"
        )
        for name, limit in budgets.items()
        if limit is not None
    ]


def _beside_others(artifact: Artifact, measurement: Measurement, evidence: Readings) -> list[Verdict]:
    """What holds an artifact against torch's outputs, true classes, or its fp32 twin."""
    outputs, samples = f"needs the device's outputs; {ONLY}", f"needs samples taken side by side; {ONLY}"
    needs: dict[str, str] = {}
    if evidence.reference.get(artifact.role):
        needs["parity"] = outputs
    if isinstance(evidence, Labelled):
        needs |= {"accuracy_drop": outputs, "ece": outputs}
    if needs and artifact.scheme != BASE_SCHEME:
        needs["never_slower"] = samples
    return [not_measured(check, measurement, None, "", reason) for check, reason in needs.items()]
