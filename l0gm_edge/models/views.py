"""What a model is shown to see what its modalities do: one alone, some of them, all together; the others are missing.

A missing modality is zeros, and of token ids 0, which pads, everywhere: in training, in evaluation, in an app. An app
can give that without knowing the data, and every numeric format holds it exactly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations

import torch
from torch import Tensor

ALONE, TOGETHER = " alone", "all together"
"""What is added to a modality's name, and how all of them are called."""
MOST = 4
"""Up to so many modalities, `subsets` are all there are: 15."""


def views(inputs: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Rows of every modality, (n, *shape), as each alone and all together, by name. One alone is all together."""
    alone = {f"{name}{ALONE}": given(inputs, (name,)) for name in inputs if len(inputs) > 1}
    return {**alone, TOGETHER: dict(inputs)}


def given(inputs: Mapping[str, Tensor], present: Collection[str]) -> dict[str, Tensor]:
    """The same rows with these modalities alone; the others are missing."""
    return {name: values if name in present else torch.zeros_like(values) for name, values in inputs.items()}


def subsets(modalities: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """What may be given of several modalities, the fewest first: every subset but the empty one; of more than MOST
    modalities each alone, all but one, and all. None of a single modality."""
    names = sorted(modalities)
    if len(names) < 2:
        return ()
    sizes = range(1, len(names) + 1) if len(names) <= MOST else (1, len(names) - 1, len(names))
    return tuple(chosen for size in sizes for chosen in combinations(names, size))
