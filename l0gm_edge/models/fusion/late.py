"""Late fusion: one encoder a modality, a shared latent, a mixture of experts, a classifier head."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from l0gm_edge.core.dataset import SPLITS, Dataset
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.recipe import Data, Model, Recipe
from l0gm_edge.models import encoders
from l0gm_edge.models.moe import MoE


class LateFusion(nn.Module):
    """Concatenates every modality's interface into a shared latent, refines it by experts, and classifies.

    Called with one keyword argument a modality, (n, *shape) each; gives logits (n, classes).
    """

    def __init__(
        self, encoders: Mapping[str, encoders.Encoder], latent: int, dropout: float, moe: MoE, classes: int
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(dict(encoders))
        self.fusion = nn.Linear(sum(encoder.interface.out_features for encoder in encoders.values()), latent)
        self.dropout = nn.Dropout(dropout)
        self.moe = moe
        self.head = nn.Linear(latent, classes)

    def forward(self, **modalities: Tensor) -> Tensor:
        """Map one batch a modality to logits (n, classes)."""
        latent = self.latent(**modalities)
        out: Tensor = self.head(latent + self.moe(latent))
        return out

    def latent(self, **modalities: Tensor) -> Tensor:
        """The shared latent (n, latent), which the experts read."""
        interfaces = [encoder(modalities[name]) for name, encoder in self.encoders.items()]
        out: Tensor = self.dropout(self.fusion(torch.cat(interfaces, dim=-1)).relu())
        return out

    def interface_layers(self) -> frozenset[str]:
        """Paths of the layers that give each modality's classifier-facing interface."""
        return frozenset(f"encoders.{name}.interface" for name in self.encoders)


def build(recipe: Recipe, shapes: Mapping[str, tuple[int, ...]], classes: int) -> LateFusion:
    """Make the recipe's model, one of ours, for a data set's modalities.

    Raises RecipeError when the recipe's encoders are not those of the data set, or do not fit its shapes.
    """
    assert isinstance(recipe.model, Model)
    assert recipe.moe is not None
    configs = recipe.model.encoders
    data = recipe.data.name if isinstance(recipe.data, Data) else recipe.data.entry
    if set(configs) != set(shapes):
        raise RecipeError(
            f"model.encoders: found {', '.join(sorted(configs))}",
            where=f"recipe {recipe.name}",
            allowed=f"one encoder for each modality of data set {data}: {', '.join(sorted(shapes))}",
        )
    parts = {name: encoders.build(configs[name], shapes[name]) for name in sorted(shapes)}
    moe = MoE(recipe.model.latent, recipe.moe.hidden, recipe.moe.experts, recipe.moe.top_k)
    return LateFusion(parts, recipe.model.latent, recipe.model.dropout, moe, classes)


def require_readable(model: Model, dataset: Dataset) -> None:
    """Refuse encoders of token ids for real numbers, the reverse, and those that lack words of the data.

    Raises RecipeError.
    """
    for name, config in model.encoders.items():
        values = [getattr(dataset, split).inputs[name] for split in SPLITS]
        are_ids = values[0].dtype == np.int64
        if are_ids != (config.vocabulary is not None):
            raise RecipeError(
                f"model.encoders.{name}.encoder: found {config.encoder}",
                where=f"data set {dataset.name}",
                allowed=f"one that reads {'token ids' if are_ids else 'real numbers'}: that is what {name} holds",
            )
        largest = max(int(part.max()) for part in values)
        if config.vocabulary is not None and largest >= config.vocabulary:
            raise RecipeError(
                f"model.encoders.{name}.vocabulary: found {config.vocabulary}",
                where=f"data set {dataset.name}",
                allowed=f"more than its largest token id, {largest}",
            )
