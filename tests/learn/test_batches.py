"""Batches follow from seed and step alone."""

from __future__ import annotations

import fusion_models
import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.dataset import Split
from l0gm_edge.learn.batches import Batches, tensors


def numbered(n: int) -> Split:
    return Split({"x": np.arange(n, dtype=np.float32)[:, None]}, np.arange(n, dtype=np.int64))


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 99), st.integers(0, 5))
def test_an_epoch_sees_each_row_at_most_once(rows: int, size: int, seed: int, epoch: int) -> None:
    batches = Batches(numbered(rows), size, seed)
    per_epoch = rows // min(size, rows)
    drawn = [batches.at(epoch * per_epoch + place)[1] for place in range(per_epoch)]
    assert all(len(labels) == min(size, rows) for labels in drawn)
    seen = torch.cat(drawn).tolist()
    assert len(set(seen)) == len(seen)


def test_any_step_can_be_asked_for_again_in_any_order() -> None:
    steps = list(range(25))
    forth = [Batches(numbered(30), 4, 7).at(step)[1].tolist() for step in steps]
    batches = Batches(numbered(30), 4, 7)
    back = [batches.at(step)[1].tolist() for step in reversed(steps)]
    assert forth == back[::-1]


def test_epochs_and_seeds_differ() -> None:
    batches = Batches(numbered(30), 30, 7)
    first, second, other = batches.at(0)[1], batches.at(1)[1], Batches(numbered(30), 30, 8).at(0)[1]
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)


def test_inputs_stay_beside_their_labels() -> None:
    inputs, labels = Batches(numbered(30), 8, 7).at(3)
    assert inputs["x"][:, 0].tolist() == labels.tolist()


def test_tensors_keep_values_and_types() -> None:
    split = fusion_models.rows(5)
    inputs, labels = tensors(split)
    assert {name: tuple(values.shape[1:]) for name, values in inputs.items()} == fusion_models.SHAPES
    assert labels.dtype == torch.int64
    assert all(np.array_equal(values.numpy(), split.inputs[name]) for name, values in inputs.items())
