"""File size, load time, memory and energy."""

from __future__ import annotations

from typing import Any

import pytest
from synthetic import evidence, hardware, with_artifact

from l0gm_edge.check.checks.resources import check
from l0gm_edge.core.energy import Energy
from l0gm_edge.core.verdict import Status

ONE = "compressed-onnxruntime-fp32"


@pytest.mark.parametrize(
    ("name", "changes", "status"),
    [
        ("file_size", {"size_bytes": 1_000_000}, Status.PASS),
        ("file_size", {"size_bytes": 1_000_001}, Status.FAIL),
        ("load_time", {"load_ns": (21_000_000, 30_000_000)}, Status.FAIL),
        ("load_time", {"load_ns": (9_000_000, 30_000_000)}, Status.INCONCLUSIVE),
        ("load_time", {"load_ns": ()}, Status.INCONCLUSIVE),
        ("peak_memory", {"peak_memory_bytes": 64_000_001}, Status.FAIL),
        ("peak_memory", {"peak_memory_bytes": None}, Status.INCONCLUSIVE),
        ("energy", {"energy": Energy(mj=1.5)}, Status.FAIL),
        ("energy", {"energy": Energy(unavailable="no rail")}, Status.INCONCLUSIVE),
        ("energy", {"energy": Energy(unavailable="throttled, perhaps", mj=0.1)}, Status.INCONCLUSIVE),
    ],
)
def test_budget(name: str, changes: dict[str, Any], status: Status) -> None:
    found = {(verdict.check, verdict.artifact): verdict for verdict in check(with_artifact(ONE, **changes))}
    assert found.pop((name, ONE)).status is status
    assert {verdict.status for verdict in found.values()} == {Status.PASS}


def test_no_budget_no_verdict() -> None:
    assert check(evidence(hardware=hardware())) == ()
