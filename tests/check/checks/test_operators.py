"""Operators that should not stand in a file fail it; those off the fast path are named, and cost it nothing here."""

from __future__ import annotations

from synthetic import artifacts, changed, evidence

from l0gm_edge.check.checks.operators import check
from l0gm_edge.core.verdict import Status

ONE, TWIN = "compressed-tflite-static_int8", "compressed-tflite-fp32"


def test_what_leaves_the_fast_path_in_int8_is_named() -> None:
    every = changed(artifacts(), ONE, fallback_ops=("BATCH_MATMUL", "CAST"))
    every = changed(every, TWIN, fallback_ops=("CAST",))
    verdicts = {verdict.artifact: verdict for verdict in check(evidence(measured=every))}
    assert {verdict.status for verdict in verdicts.values()} == {Status.PASS}
    assert verdicts[ONE].reason.endswith("; off the runtime's fast path, unlike in fp32: BATCH_MATMUL")
    assert "fast path" not in verdicts[TWIN].reason
