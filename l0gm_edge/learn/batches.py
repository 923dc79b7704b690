"""Batches drawn without state: the rows of any step follow from the seed and the step alone, so a run can resume."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l0gm_edge.core.dataset import Split

Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class Batches:
    """Shuffled epochs over a split; the last, smaller batch of an epoch is left out."""

    split: Split
    size: int
    seed: int

    def at(self, step: int) -> tuple[Inputs, Tensor]:
        """The inputs, (n, *shape) a modality, and labels, (n,), of one step."""
        size = min(self.size, len(self.split))
        epoch, place = divmod(step, len(self.split) // size)
        order = _order(self.seed, epoch, len(self.split))
        return tensors(self.split.take(order[place * size : (place + 1) * size]))


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    """How an epoch shuffles the rows; kept, since every step of the epoch asks for it."""
    return np.random.default_rng([seed, epoch]).permutation(rows)


def tensors(split: Split) -> tuple[Inputs, Tensor]:
    """A split as torch tensors, sharing its memory."""
    inputs = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in split.inputs.items()}
    return inputs, torch.from_numpy(split.labels)
