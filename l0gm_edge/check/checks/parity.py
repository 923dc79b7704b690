"""What the device returned against the torch model's outputs.

fp32 and fp16 files must stay close in value. Files with integer arithmetic need not; what they must keep is the answer,
so they are held to top-1 agreement. All three figures are told in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from l0gm_edge.check.limits import finite
from l0gm_edge.core.evidence import Logits, Measured, Readings
from l0gm_edge.core.verdict import Status, Verdict

MAX_DIFFERENCE = {"fp32": 1e-4, "fp16": 1e-2}
MIN_AGREEMENT = 0.95


@dataclass(frozen=True)
class Distance:
    """How far outputs are from a reference: `difference` is the largest, relative to the largest reference value."""

    difference: float
    cosine: float
    agreement: float


def distance(outputs: Logits, reference: Logits) -> Distance:
    """Largest difference, cosine over all values, and share of rows with the same top class; both are (n, classes)."""
    found, wanted = outputs.astype(np.float64), reference.astype(np.float64)
    finite_rows = np.isfinite(found).all(axis=1)
    if not finite_rows.all():
        agreement = float((finite_rows & (found.argmax(axis=1) == wanted.argmax(axis=1))).mean())
        return Distance(float("inf"), 0.0, agreement)
    scale = float(np.abs(wanted).max()) or 1.0
    norms = float(np.linalg.norm(found) * np.linalg.norm(wanted))
    return Distance(
        difference=float(np.abs(found - wanted).max()) / scale,
        cosine=float((found * wanted).sum()) / norms if norms else float(not found.any() and not wanted.any()),
        agreement=float((found.argmax(axis=1) == wanted.argmax(axis=1)).mean()),
    )


def keeps(scheme: str, found: Distance) -> bool:
    """Whether outputs so far from torch's are those of a sound file of this scheme."""
    largest = MAX_DIFFERENCE.get(scheme)
    return found.agreement >= MIN_AGREEMENT if largest is None else found.difference <= largest


def check(evidence: Readings) -> tuple[Verdict, ...]:
    """A verdict per artifact, dense ones included, since the others are compared with them."""
    return tuple(_verdict(evidence, one) for one in evidence.models)


def _verdict(evidence: Readings, one: Measured) -> Verdict:
    found = distance(one.outputs["test"], evidence.reference[one.artifact.role]["test"])
    largest = MAX_DIFFERENCE.get(one.artifact.scheme)
    by_value = largest is not None
    value, limit = (found.difference, largest) if largest is not None else (found.agreement, MIN_AGREEMENT)
    passed = keeps(one.artifact.scheme, found)
    asked = f"the difference may be {limit:.0e}" if by_value else f"at least {limit:.0%} of answers must agree"
    way = evidence.ways.get(one.artifact.name)
    parting = f"; {way.told}" if way and way.told else ""
    return Verdict(
        check="parity",
        artifact=one.artifact.name,
        status=Status.PASS if passed else Status.FAIL,
        value=finite(value),
        limit=limit,
        unit="of output scale" if by_value else "of answers agree",
        reason=f"outputs differ from torch by at most {found.difference:.2g} of their scale, cosine "
        f"{found.cosine:.6f}, {found.agreement:.2%} the same answer; {asked}{parting}",
        evidence=(one.artifact.sha256, *one.measurement.outputs_sha256.values()),
    )
