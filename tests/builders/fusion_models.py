"""A late-fusion model of image, audio and table, small enough to train in a test, and rows to train it on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from l0gm_edge.core.dataset import Split
from l0gm_edge.core.distillation import Distill
from l0gm_edge.core.network import Encoder, Model, MoE
from l0gm_edge.core.recipe import Data, Gates, Learn, Recipe, SiteKind, Target
from l0gm_edge.gates.session import Session
from l0gm_edge.models import fusion
from l0gm_edge.models.fusion.late import LateFusion

SHAPES = {"audio": (1, 8, 12), "image": (1, 8, 8), "table": (10,)}
CLASSES = 4


def recipe(
    target: Target | None = None,
    *,
    method: str = "hard_concrete",
    distill: bool = False,
    min_units: int = 1,
    **learn: object,
) -> Recipe:
    encoders = {
        "audio": Encoder(encoder="audio", widths=(6, 12), out=10),
        "image": Encoder(encoder="image", widths=(8, 12), out=12, dropout=0.1),
        "table": Encoder(encoder="tabular", widths=(16,), out=9),
    }
    settings = {"steps": 24, "batch_size": 16, "checkpoint_every": 8} | learn
    return Recipe(
        name="three-modalities",
        seed=3,
        data=Data(name="made_up"),
        model=Model(encoders=encoders, latent=20, dropout=0.1),
        moe=MoE(experts=4, top_k=2, hidden=8),
        gates=Gates(method=method, target=target or Target(active_fraction=0.5), min_units=min_units),
        learn=Learn(**settings),
        distill=Distill() if distill else None,
    )


def model(config: Recipe, seed: int = 0) -> LateFusion:
    torch.manual_seed(seed)
    made = fusion.build(config, SHAPES, CLASSES)
    assert isinstance(made, LateFusion)
    return made


def session(config: Recipe, gated: LateFusion, multiple: Mapping[SiteKind, int] | None = None) -> Session:
    return Session(gated, example(), config.gates, multiple or {}, gated.interface_layers())


def example(n: int = 2) -> dict[str, Tensor]:
    return {name: torch.randn(n, *shape) for name, shape in SHAPES.items()}


def rows(n: int = 64, seed: int = 0) -> Split:
    """Rows whose label is where the table is largest, with the other modalities faintly coloured by it."""
    draw = np.random.default_rng(seed)
    inputs = {name: draw.normal(size=(n, *shape)).astype(np.float32) for name, shape in SHAPES.items()}
    labels = inputs["table"][:, :CLASSES].argmax(axis=1).astype(np.int64)
    inputs["image"] += labels[:, None, None, None].astype(np.float32)
    return Split(inputs, labels)
