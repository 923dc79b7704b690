"""Exit statuses of many devices, together."""

from __future__ import annotations

import pytest

from l0gm_edge.core.fleet import worst_status


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [([], 0), ([0, 0], 0), ([0, 3], 3), ([4, 3], 4), ([2, 4, 0], 2), ([4, 1, 2, 3], 1), ([1, 130], 130)],
)
def test_a_failed_verdict_outweighs_a_device_that_failed(statuses: list[int], worst: int) -> None:
    assert worst_status(statuses) == worst
    assert worst_status(statuses[::-1]) == worst
