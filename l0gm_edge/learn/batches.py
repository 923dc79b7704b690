"""Batches drawn without state: the rows of any step follow from the seed and the step alone, so a run can resume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
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
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.split))
        return tensors(self.split.take(order[place * size : (place + 1) * size]))


def tensors(split: Split) -> tuple[Inputs, Tensor]:
    """A split as torch tensors, sharing its memory."""
    inputs = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in split.inputs.items()}
    return inputs, torch.from_numpy(split.labels)
