"""Confidence calibration on the device."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import DENSE, LABELS, SMALL, artifacts, changed, evidence, hardware, recipe

from l0gm_edge.check.checks.confidence import check
from l0gm_edge.core import scores
from l0gm_edge.core.artifact import Role
from l0gm_edge.core.evidence import Evidence
from l0gm_edge.core.verdict import Status, Verdict

ONE = "compressed-onnxruntime-fp32"
DENSE_ECE = scores.score(DENSE, LABELS).ece_scaled


def verdict_on(made_up: Evidence) -> Verdict:
    """The verdict on one artifact."""
    return next(verdict for verdict in check(made_up) if verdict.artifact == ONE)


def test_the_dense_model_plus_the_allowance_is_the_limit() -> None:
    assert verdict_on(evidence()).limit == pytest.approx(DENSE_ECE + 0.01)
    assert verdict_on(evidence(recipe=recipe(max_ece_increase=0.2))).limit == pytest.approx(DENSE_ECE + 0.2)
    assert verdict_on(evidence(hardware=hardware(max_ece=0.001))).limit == 0.001


def test_a_wrong_scale_is_mended_by_the_artifacts_own_temperature() -> None:
    vague = {split: values / 7 for split, values in SMALL.items()}
    verdict = verdict_on(evidence(measured=changed(artifacts(), ONE, outputs=vague)))
    assert verdict.status is Status.PASS
    assert scores.score(vague, LABELS).ece > (verdict.limit or 0)


def test_confidence_that_no_temperature_mends_fails() -> None:
    draw = np.random.default_rng(0)
    jumpy = {s: (v * draw.choice([0.01, 30.0], size=(len(v), 1))).astype(np.float32) for s, v in SMALL.items()}
    made_up = evidence(
        measured=changed(artifacts(), ONE, outputs=jumpy), reference={Role.DENSE: DENSE, Role.COMPRESSED: jumpy}
    )
    assert verdict_on(made_up).status is Status.FAIL
