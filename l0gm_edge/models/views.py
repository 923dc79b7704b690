"""What a model is shown to see what each modality does: one alone, the others without news; and all together."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

ALONE, TOGETHER = " alone", "all together"
"""What is added to a modality's name, and how all of them are called."""


def views(inputs: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Rows of every modality, (n, *shape), as each alone and all together, by name.

    A modality that is silent is held at its mean over the rows; token ids at 0, which pads. One alone is all together.
    """
    silent = {name: _silent(values) for name, values in inputs.items()}
    alone = {f"{name}{ALONE}": silent | {name: values} for name, values in inputs.items() if len(inputs) > 1}
    return {**alone, TOGETHER: dict(inputs)}


def _silent(values: Tensor) -> Tensor:
    if not values.is_floating_point():
        return torch.zeros_like(values)
    return values.mean(0, keepdim=True).expand_as(values)
