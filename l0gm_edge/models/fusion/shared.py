"""A shared space: every modality's encoder speaks into the same one, where what they say is added up.

A unit of the space is the same for all modalities, so it stays or goes for all of them: what lies close together across
modalities before the cut can still be compared after it. Experts and classifier are those of late fusion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from l0gm_edge.core import network
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.models.fusion.late import LateFusion, assembled

TAKES = ("encoders",)


class SharedFusion(LateFusion):
    """Adds up every modality's interface, refines the latent that reads the sum by experts, and classifies."""

    @staticmethod
    def joined_width(widths: Sequence[int]) -> int:
        """The one width of all. Raises RecipeError where they differ."""
        if len(set(widths)) != 1:
            raise RecipeError(
                f"model.encoders: `out` is {', '.join(map(str, widths))}",
                where="fusion 'shared'",
                allowed="the same `out` for every encoder: it is the width of the space that they share",
            )
        return widths[0]

    @staticmethod
    def joined(interfaces: Sequence[Tensor]) -> Tensor:
        """The sum of every modality's interface, (n, width) each."""
        return torch.stack(list(interfaces)).sum(dim=0)


def build(model: network.Model, moe: network.MoE, shapes: Mapping[str, tuple[int, ...]], classes: int) -> SharedFusion:
    """Make the network for modalities of these shapes."""
    return assembled(SharedFusion, model, moe, shapes, classes)
