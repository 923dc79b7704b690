"""Labels: which unit every element of an activation belongs to, and which units must live or die together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

ALWAYS = 0
"""The label of what no cut removes: model inputs, constants, and every unit that turned out not to be removable."""


class Labels:
    """Numbers the units of every layer, and merges those that an operation ties together (a union-find).

    `context` says what is being traced; it is the reason on record for whatever is frozen meanwhile.
    """

    def __init__(self) -> None:
        self._root = torch.zeros(1, dtype=torch.int64)  # always the representative itself: no paths to follow
        self._loose = torch.zeros(1, dtype=torch.uint8)
        self._why = torch.zeros(1, dtype=torch.int64)
        self._reasons = [""]
        self.context = ""

    @property
    def count(self) -> int:
        """How many labels there are."""
        return len(self._root)

    def new(self, count: int, loose: bool = False) -> Tensor:
        """Labels of `count` fresh units: int64 (count,); `loose` ones are of a bare parameter, which no layer gives."""
        labels = torch.arange(len(self._root), len(self._root) + count)
        self._root = torch.cat([self._root, labels])
        self._why = torch.cat([self._why, torch.zeros_like(labels)])
        self._loose = torch.cat([self._loose, torch.full_like(labels, loose, dtype=torch.uint8)])
        return labels

    def roots(self, labels: Tensor) -> Tensor:
        """The representative of each label's class, same shape; ALWAYS for what cannot be removed."""
        return self._root[compact(labels)].expand(labels.shape)

    def merge(self, one: Tensor, other: Tensor) -> None:
        """Tie labels together element by element (shapes broadcast); tying to ALWAYS freezes."""
        one, other = torch.broadcast_tensors(one, other)  # type: ignore[no-untyped-call]
        for dim in range(one.dim()):
            if one.shape[dim] > 1 and one.stride(dim) == other.stride(dim) == 0:
                one, other = one.narrow(dim, 0, 1), other.narrow(dim, 0, 1)
        one, other = self._root[one], self._root[other]
        differing = one != other
        low = torch.minimum(one[differing], other[differing])
        high = torch.maximum(one[differing], other[differing])
        pairs = torch.unique(low * len(self._root) + high)
        low, high = pairs // len(self._root), pairs % len(self._root)
        if not len(low):
            return
        free = self._root != ALWAYS
        both = torch.cat([low, high])
        while len(low):
            self._root.scatter_reduce_(0, high, low, "amin")  # hook each root to the least of its partners
            while not torch.equal(above := self._root[self._root], self._root):
                self._root = above
            one, other = self._root[low], self._root[high]
            low, high = torch.minimum(one, other), torch.maximum(one, other)
            low, high = low[low != high], high[low != high]
        self._loose.scatter_reduce_(0, self._root[both], self._loose[both], "amin")
        frozen = free & (self._root == ALWAYS)
        if frozen.any():
            self._why[frozen] = self._reason_number(self.context)

    def freeze(self, labels: Tensor, reason: str | None = None) -> None:
        """Mark every unit in `labels` as one that cannot be removed; the first reason stays on record."""
        before, self.context = self.context, reason or self.context
        self.merge(labels, torch.full((), ALWAYS))
        self.context = before

    def reason(self, label: int) -> str:
        """Why a label was frozen; empty when it was not."""
        return self._reasons[int(self._why[label])]

    def loose(self, labels: Tensor) -> Tensor:
        """Which units no layer gives: bool, same shape."""
        return self._loose[self._root[labels]].bool()

    def are_loose(self, labels: Tensor) -> bool:
        """Whether no layer gives any of these units."""
        return bool(self._loose[self._root[compact(labels)]].all())

    def varies(self, labels: Tensor, dim: int) -> bool:
        """Whether units differ along a dimension."""
        if labels.shape[dim] <= 1 or labels.stride(dim) == 0:
            return False
        roots = self._root[compact(labels)]
        return bool((roots != roots.narrow(dim, 0, 1)).any())

    def tie(self, labels: Tensor, dims: Iterable[int]) -> Tensor:
        """Tie units along dimensions; gives the labels, now the same along each of them."""
        for dim in dims:
            first = labels.narrow(dim, 0, 1)
            self.merge(labels, first)
            labels = first.expand(labels.shape)
        return labels

    def settled(self, labels: Tensor) -> Tensor:
        """The same labels, stored once along every dimension in which they do not differ."""
        for dim in range(labels.dim()):
            if labels.shape[dim] > 1 and labels.stride(dim) != 0 and not self.varies(labels, dim):
                labels = labels.narrow(dim, 0, 1).expand(labels.shape)
        return labels

    def reduced(self, labels: Tensor, dims: Sequence[int]) -> Tensor | None:
        """Labels with `dims` reduced to size 1, or None when they differ along one of them."""
        for dim in dims:
            if self.varies(labels, dim):
                return None
            labels = labels.narrow(dim, 0, 1)
        return labels

    def _reason_number(self, reason: str) -> int:
        if reason not in self._reasons:
            self._reasons.append(reason)
        return self._reasons.index(reason)


def compact(labels: Tensor) -> Tensor:
    """Labels without the repetitions of broadcast dimensions: these have size 1."""
    for dim in range(labels.dim()):
        if labels.shape[dim] > 1 and labels.stride(dim) == 0:
            labels = labels.narrow(dim, 0, 1)
    return labels
