"""The router against an independent NumPy reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from l0gm_edge.models.router import combine_weights

Matrix = NDArray[np.float64]
logits_of = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(1, 7)),
    elements=st.floats(-20, 20),
    unique=True,
)


def reference(logits: Matrix, k: int) -> Matrix:
    """Row by row: the k largest, then their softmax."""
    weights = np.zeros_like(logits)
    for row, values in enumerate(logits):
        chosen: list[int] = []
        for _ in range(k):
            rest = [e for e in range(len(values)) if e not in chosen]
            chosen.append(max(rest, key=lambda e: values[e]))
        total = sum(np.exp(values[e] - values[chosen[0]]) for e in chosen)
        for e in chosen:
            weights[row, e] = np.exp(values[e] - values[chosen[0]]) / total
    return weights


@given(logits_of, st.data())
def test_combine_weights_are_the_reference(logits: Matrix, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, logits.shape[1]))
    found = combine_weights(torch.from_numpy(logits), k).numpy()
    np.testing.assert_allclose(found, reference(logits, k), atol=1e-12)


@given(logits_of)
def test_with_every_expert_it_is_plain_softmax(logits: Matrix) -> None:
    values = torch.from_numpy(logits)
    torch.testing.assert_close(combine_weights(values, logits.shape[1]), values.softmax(-1))


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_among_equals_exactly_k_are_chosen_and_share_alike(k: int) -> None:
    weights = combine_weights(torch.tensor([[1.0, 1, 1, 1, 1], [0, 2, 2, 2, 2]]), k)
    assert ((weights > 0).sum(1) == k).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    torch.testing.assert_close(weights[0][weights[0] > 0], torch.full((k,), 1 / k))


def test_gradients_reach_the_chosen_logits_only() -> None:
    logits = torch.tensor([[3.0, 1, 2, -1]], requires_grad=True)
    (combine_weights(logits, 2) * torch.tensor([1.0, 5, 2, 7])).sum().backward()
    assert (logits.grad[0] != 0).tolist() == [True, False, True, False]
