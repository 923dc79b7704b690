"""Transformers over tokens of a picture, a sound and words, small enough for a test."""

from __future__ import annotations

import torch
from torch import Tensor

from l0gm_edge.core.network import Model, MoE, Tokens, Transformer
from l0gm_edge.core.recipe import Data, Gates, Learn, Recipe, Target
from l0gm_edge.models import fusion

SHAPES: dict[str, tuple[int, ...]] = {"audio": (1, 8, 12), "image": (1, 8, 8), "words": (6,)}
CLASSES, VOCABULARY = 4, 30


def recipe(name: str, target: Target | None = None, *, experts: int = 4, **learn: object) -> Recipe:
    tokens = {"audio": Tokens(patch=4), "image": Tokens(patch=4), "words": Tokens(vocabulary=VOCABULARY)}
    asks = "words" if name == "reasoning" else None
    settings = {"steps": 24, "batch_size": 16, "checkpoint_every": 8} | learn
    return Recipe(
        name=f"tokens-{name}",
        seed=3,
        data=Data(name="made_up"),
        model=Model(
            fusion=name, tokens=tokens, transformer=Transformer(blocks=2, heads=2), asks=asks, latent=16, dropout=0.1
        ),
        moe=MoE(experts=experts, top_k=1, hidden=12, combine="plain"),
        gates=Gates(target=target or Target(active_fraction=0.5), min_units=1),
        learn=Learn(**settings),
    )


def model(config: Recipe, seed: int = 0) -> fusion.Network:
    torch.manual_seed(seed)
    return fusion.build(config, SHAPES, CLASSES)


def example(n: int = 2, seed: int = 0) -> dict[str, Tensor]:
    """Rows; the last words of each are padding."""
    draw = torch.Generator().manual_seed(seed)
    words = torch.randint(1, VOCABULARY, (n, *SHAPES["words"]), generator=draw)
    words[:, 4:] = 0
    real = {name: torch.randn(n, *SHAPES[name], generator=draw) for name in ("audio", "image")}
    return {**real, "words": words}
