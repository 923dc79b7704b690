"""How modalities come together, one file a fusion; each defines `build(model, moe, shapes, classes)`, and what it
`TAKES`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

import numpy as np
from torch import Tensor, nn

from l0gm_edge.core import plugins
from l0gm_edge.core.dataset import SPLITS, Dataset
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.network import Awareness, Encoder, Model, MoE, Tokens
from l0gm_edge.core.recipe import Data, Recipe
from l0gm_edge.models import routing
from l0gm_edge.models.trunk import Trunk

OPTIONS = ("encoders", "tokens", "transformer", "asks")
"""Keys of a model that not every fusion reads."""


class Network(nn.Module):
    """Maps one keyword argument a modality, (n, *shape) each, to logits (n, classes)."""

    head: nn.Linear
    """The layer that gives the logits."""

    def __call__(self, **modalities: Tensor) -> Tensor:
        """Map one batch a modality to logits (n, classes)."""
        out: Tensor = super().__call__(**modalities)
        return out

    def interface_layers(self) -> frozenset[str]:
        """Paths of the layers that give each modality's classifier-facing interface."""
        return frozenset()

    def tokens_of(self, path: str, modalities: Mapping[str, Tensor]) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Which tokens, of those that the layer of experts at `path` reads, are of each modality and there, 1 or 0:
        (n, tokens) a modality; none where the layer reads a state for the whole row."""
        return {}


class Fusion(Protocol):
    """What a file of this folder defines; `TAKES` are those of OPTIONS that it reads."""

    TAKES: tuple[str, ...]

    def build(self, model: Model, moe: MoE, shapes: Mapping[str, tuple[int, ...]], classes: int) -> Network:
        """Make the network for modalities of these shapes. Raises RecipeError when a shape does not fit."""


def build(recipe: Recipe, shapes: Mapping[str, tuple[int, ...]], classes: int) -> Network:
    """Make the recipe's model, one of ours, for a data set's modalities.

    Raises RecipeError when there is no such fusion, when it does not read what the recipe gives, and when that is not
    one encoder or kind of token for each modality of the data set, or does not fit its shapes.
    """
    model = recipe.model
    assert isinstance(model, Model)
    assert recipe.moe is not None
    plugin = cast(Fusion, plugins.load(__name__, model.fusion))
    given = {name for name in OPTIONS if getattr(model, name)}
    for name in sorted(given ^ set(plugin.TAKES)):
        needs = name in plugin.TAKES
        raise RecipeError(
            f"model.fusion: '{model.fusion}' {'needs' if needs else 'has no'} {name}",
            where=f"recipe {recipe.name}",
            allowed=", ".join(("fusion", "latent", "dropout", *plugin.TAKES)),
            todo=f"{'give' if needs else 'leave out'} the key model.{name}",
        )
    data = recipe.data.name if isinstance(recipe.data, Data) else recipe.data.entry
    key, readers = _readers(model)
    if set(readers) != set(shapes):
        raise RecipeError(
            f"model.{key}: found {', '.join(sorted(readers))}",
            where=f"recipe {recipe.name}",
            allowed=f"one for each modality of data set {data}: {', '.join(sorted(shapes))}",
        )
    made = plugin.build(model, recipe.moe, shapes, classes)
    if recipe.moe.routing is Awareness.AWARE and not routing.is_aware(made):
        raise RecipeError(
            f"moe.routing: '{Awareness.AWARE}' with model.fusion '{model.fusion}'",
            where=f"recipe {recipe.name}",
            allowed=f"{Awareness.AGNOSTIC}: no layer of it has the tokens of several modalities apart",
        )
    _require_known_tokens(recipe.moe, made)
    return made


def _require_known_tokens(moe: MoE, made: Network) -> None:
    names = {name for one in made.modules() if isinstance(one, Trunk) for name in one.names}
    for name in sorted(moe.losses.modalities - names):
        raise RecipeError(
            f"moe.losses: entropy of '{name}'",
            where=type(made).__name__,
            allowed=f"modalities whose tokens experts see: {', '.join(sorted(names)) or 'none'}",
        )


def require_readable(model: Model, dataset: Dataset) -> None:
    """Refuse encoders of token ids for real numbers, the reverse, and those that lack words of the data.

    Raises RecipeError.
    """
    key, readers = _readers(model)
    for name, config in readers.items():
        values = [getattr(dataset, split).inputs[name] for split in SPLITS]
        are_ids = values[0].dtype == np.int64
        if are_ids != (config.vocabulary is not None):
            found = f"encoder: found {config.encoder}" if isinstance(config, Encoder) else "patch or vocabulary"
            raise RecipeError(
                f"model.{key}.{name}.{found}",
                where=f"data set {dataset.name}",
                allowed=f"one that reads {'token ids' if are_ids else 'real numbers'}: that is what {name} holds",
            )
        largest = max(int(part.max()) for part in values)
        if config.vocabulary is not None and largest >= config.vocabulary:
            raise RecipeError(
                f"model.{key}.{name}.vocabulary: found {config.vocabulary}",
                where=f"data set {dataset.name}",
                allowed=f"more than its largest token id, {largest}",
            )


def _readers(model: Model) -> tuple[str, Mapping[str, Encoder | Tokens]]:
    """The key of what reads each modality, and what that is."""
    return ("tokens", model.tokens) if model.tokens else ("encoders", model.encoders)
