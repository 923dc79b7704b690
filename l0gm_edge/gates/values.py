"""The gates of one forward pass, handed out as the vectors that each layer needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

GateSource = Callable[[bool], Tensor]
"""Gives the flat gate vector of one forward pass; the argument says whether the model is training."""


class Values:
    """A flat gate vector (units,), with the open entry at its end, and what was taken of it since it was drawn.

    Layers that read the same units share one vector.
    """

    def __init__(self, units: int) -> None:
        self.flat = torch.ones(units + 1)
        self._taken: dict[tuple[int, bool, torch.dtype], Tensor] = {}
        self._entries: list[Tensor | slice] = []

    def draw(self, gates: Tensor) -> None:
        """Start a forward pass with these gates."""
        self.flat = torch.cat([gates, gates.new_ones(1)])
        self._taken = {}

    def gate(self, entries: Tensor) -> Callable[[Tensor], Tensor]:
        """Gives the gates at these entries, in the number format of a tensor."""
        return partial(self._take, self._number(entries), mask=False)

    def mask(self, entries: Tensor) -> Callable[[Tensor], Tensor]:
        """Gives 1 where a gate is open and 0 where it is closed."""
        return partial(self._take, self._number(entries), mask=True)

    def __getstate__(self) -> dict[str, Any]:
        """A copy has not run yet: without the last pass's gates, whose graph cannot be copied."""
        return {**self.__dict__, "flat": torch.ones_like(self.flat), "_taken": {}}

    def _take(self, number: int, like: Tensor, *, mask: bool) -> Tensor:
        key = number, mask, like.dtype
        taken = self._taken.get(key)
        if taken is None:
            entries = self._entries[number]
            if isinstance(entries, Tensor) and entries.device != self.flat.device:
                entries = self._entries[number] = entries.to(self.flat.device)
            values = (self.flat.detach() if mask else self.flat)[entries]
            taken = ((values > 0) if mask else values).to(like.dtype)
            self._taken[key] = taken
        return taken

    def _number(self, entries: Tensor) -> int:
        """The number of an entry tensor; the same for equal ones."""
        run = _run(entries)
        for number, known in enumerate(self._entries):
            if known == run if isinstance(run, slice) else isinstance(known, Tensor) and torch.equal(known, run):
                return number
        self._entries.append(run)
        return len(self._entries) - 1


def _run(entries: Tensor) -> Tensor | slice:
    """Entries as a slice where they follow one another: many times quicker to take, and to give gradients back to."""
    first = int(entries[0])
    return slice(first, first + len(entries)) if bool((entries.diff() == 1).all()) else entries
