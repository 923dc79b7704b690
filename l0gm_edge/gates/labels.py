"""Labels: which unit every element of an activation belongs to, and which units must live or die together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

ALWAYS = 0
"""The label of what no cut removes: model inputs, constants, and every unit that turned out not to be removable."""


class Labels:
    """Numbers the units of every layer, and merges those that an operation ties together (a union-find)."""

    def __init__(self) -> None:
        self._parent = [ALWAYS]

    def new(self, count: int) -> Tensor:
        """Labels of `count` fresh units: int64 (count,)."""
        first = len(self._parent)
        self._parent.extend(range(first, first + count))
        return torch.arange(first, first + count)

    def root(self, label: int) -> int:
        """The representative of a label's class; ALWAYS for what cannot be removed."""
        path = []
        while self._parent[label] != label:
            path.append(label)
            label = self._parent[label]
        for passed in path:
            self._parent[passed] = label
        return label

    def merge(self, one: Tensor, other: Tensor) -> None:
        """Tie labels together element by element; tying to ALWAYS freezes."""
        differing = one != other
        pairs = torch.stack([one[differing], other[differing]], dim=-1)
        for a, b in torch.unique(pairs, dim=0).tolist():
            root_a, root_b = self.root(a), self.root(b)
            self._parent[max(root_a, root_b)] = min(root_a, root_b)

    def freeze(self, labels: Tensor) -> None:
        """Mark every unit in `labels` as one that cannot be removed."""
        self.merge(labels.reshape(-1), torch.zeros_like(labels.reshape(-1)))


def varies_along(labels: Tensor, dim: int) -> bool:
    """Whether labels differ along a dimension."""
    return labels.shape[dim] > 1 and bool((labels != labels.narrow(dim, 0, 1)).any())


def constant_over(labels: Tensor, kept_dim: int) -> tuple[Tensor, Tensor]:
    """The labels along one dimension, and which of its positions have one label over all others: (width,) each."""
    columns = labels.movedim(kept_dim, -1).reshape(-1, labels.shape[kept_dim])
    return columns[0], (columns == columns[0]).all(dim=0)


def reduced(labels: Tensor, dims: Sequence[int]) -> Tensor | None:
    """Labels with `dims` reduced to size 1, or None when they differ along one of them."""
    for dim in dims:
        if varies_along(labels, dim):
            return None
        labels = labels.narrow(dim, 0, 1)
    return labels
