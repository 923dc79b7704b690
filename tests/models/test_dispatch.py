"""Batch-priority routing against a queue written out row by row."""

from __future__ import annotations

from math import ceil

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.site import CLOSED_LOGIT
from l0gm_edge.models.dispatch import kept, room
from l0gm_edge.models.router import plain_weights


def queued(logits: np.ndarray, top_k: int, factor: float, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Combine weights with what found no room left out, and how many rows each expert serves: one row at a time."""
    rows, experts = logits.shape
    raised = np.exp(logits - logits.max(1, keepdims=True))
    gates = raised / raised.sum(1, keepdims=True)
    places = ceil(int(present.sum()) * top_k * factor / experts)
    places += -places % 4
    choices = [sorted(range(experts), key=lambda e, row=row: -gates[row, e])[:top_k] for row in range(rows)]
    order = sorted((row for row in range(rows) if present[row]), key=lambda row: -gates[row].max())
    weights, taken = np.zeros_like(gates), np.zeros(experts, int)
    for choice in range(top_k):
        for row in order:
            expert = choices[row][choice]
            if taken[expert] < places:
                taken[expert] += 1
                weights[row, expert] = gates[row, expert]
    return weights, taken


@given(st.integers(1, 40), st.integers(2, 7), st.floats(0.1, 2.0), st.integers(0, 2**31), st.floats(0, 0.9), st.data())
def test_it_serves_whom_the_queue_serves(
    rows: int, experts: int, factor: float, seed: int, absent: float, data: st.DataObject
) -> None:
    top_k = data.draw(st.integers(1, experts))
    draw = np.random.default_rng(seed)
    logits, present = draw.normal(size=(rows, experts)) * 2, draw.random(rows) >= absent
    expected, taken = queued(logits, top_k, factor, present)
    ours = torch.from_numpy(logits)
    mask = kept(ours, top_k, factor, torch.from_numpy(present))
    found = plain_weights(ours, top_k) * mask
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    assert int(taken.max()) <= room(int(present.sum()), top_k, factor, experts)


def test_room_is_the_share_rounded_up_to_four() -> None:
    assert [room(*one) for one in ((64, 1, 1.0, 8), (64, 1, 1.05, 8), (64, 2, 1.05, 8), (1, 1, 0.1, 8))] == [
        8,
        12,
        20,
        4,
    ]


def test_leading_dimensions_are_one_queue() -> None:
    logits = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    whole = kept(logits, 2, 0.3)
    assert torch.equal(whole, kept(logits.flatten(0, 1), 2, 0.3).view(3, 5, 4))


def test_closed_experts_leave_their_room_to_others() -> None:
    logits = torch.zeros(32, 4)
    logits[:, :2] = CLOSED_LOGIT
    logits[::2, 2] = 1.0
    logits[1::2, 3] = 1.0
    assert int(kept(logits, 1, 1.0).sum()) == 32
