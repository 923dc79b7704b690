"""Whether TensorRT's engine computes in the precision that its file asks for, as its own inspector tells."""

from __future__ import annotations

from l0gm_edge.core.artifact import Role
from l0gm_edge.core.engine_layers import run_verdict
from l0gm_edge.core.evidence import Readings
from l0gm_edge.core.verdict import Verdict


def check(evidence: Readings) -> tuple[Verdict, ...]:
    """A verdict per compressed artifact that an engine was built from; wider than asked, silent fp32, is a FAIL."""
    engines = ((one.artifact, one.measurement.engine) for one in evidence.of_role(Role.COMPRESSED))
    return tuple(run_verdict(engine, artifact.name) for artifact, engine in engines if engine is not None)
