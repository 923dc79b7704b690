"""What is known of the rows that experts see, and what a router said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Which rows are there, bool (...), and of which of the modalities `names` each is, int64 (...); the router itself
    is told neither."""

    present: Tensor
    modality: Tensor
    names: tuple[str, ...]

    def split(self, counts: Sequence[int]) -> list[Rows]:
        """So many of the last dimension each, one after the other."""
        present, modality = (torch.split(one, list(counts), dim=-1) for one in (self.present, self.modality))
        return [Rows(*part, self.names) for part in zip(present, modality, strict=True)]


@dataclass(frozen=True)
class Routed:
    """A router's logits of the rows that were there in a training pass, (rows, outputs), each of which has `top_k`
    experts, and their modality, int64 (rows,), which is known where `names` are."""

    logits: Tensor
    modality: Tensor
    names: tuple[str, ...]
    top_k: int

    @classmethod
    def of(cls, logits: Tensor, rows: Rows | None, top_k: int) -> Routed:
        """Of logits (..., outputs); all rows are there where nothing is known of them."""
        flat = logits.flatten(0, -2)
        if rows is None:
            return cls(flat, torch.zeros(len(flat), dtype=torch.int64, device=flat.device), (), top_k)
        there = rows.present.flatten()
        return cls(flat[there], rows.modality.flatten()[there], rows.names, top_k)

    def of_modality(self, name: str) -> Tensor:
        """The logits of one modality's rows, (rows, outputs); none where there is no such modality."""
        place = self.names.index(name) if name in self.names else -1
        return self.logits[self.modality == place]
