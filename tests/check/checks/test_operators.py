"""What stands in a file, and what of it computes in floats."""

from __future__ import annotations

from typing import Any

import pytest
from synthetic import artifacts, changed, evidence, with_artifact

from l0gm_edge.check.checks.operators import check
from l0gm_edge.core.verdict import Status, Verdict

ONE, TWIN = "compressed-tflite-static_int8", "compressed-tflite-fp32"


def verdict(**changes: Any) -> Verdict:
    (found,) = (one for one in check(with_artifact(ONE, **changes)) if one.artifact == ONE)
    return found


def test_problems_fail_in_their_own_words() -> None:
    found = verdict(problems=("four-bits: head: bad", "operator: neck: worse"))
    assert (found.status, found.value) == (Status.FAIL, 2)
    assert found.reason == "four-bits: head: bad; operator: neck: worse"


def test_operators_left_in_floats_are_named() -> None:
    found = verdict(ops={"FULLY_CONNECTED": 3, "TOPK_V2": 1}, float_ops={"TOPK_V2": 1})
    assert found.status is Status.PASS
    assert found.reason.endswith("; computed in floats: TOPK_V2 (1x)")


@pytest.mark.parametrize("float_ops", [{}, {"FULLY_CONNECTED": 3}])
def test_of_a_file_all_in_integers_or_all_in_floats_nothing_is_said(float_ops: dict[str, int]) -> None:
    assert "floats" not in verdict(ops={"FULLY_CONNECTED": 3}, float_ops=float_ops).reason


def test_what_leaves_the_fast_path_in_int8_is_named() -> None:
    every = changed(artifacts(), ONE, fallback_ops=("BATCH_MATMUL", "CAST"))
    every = changed(every, TWIN, fallback_ops=("CAST",))
    verdicts = {verdict.artifact: verdict for verdict in check(evidence(measured=every))}
    assert {verdict.status for verdict in verdicts.values()} == {Status.PASS}
    assert verdicts[ONE].reason.endswith("; off the runtime's fast path, unlike in fp32: BATCH_MATMUL")
    assert "fast path" not in verdicts[TWIN].reason
