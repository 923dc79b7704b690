"""How well a tower's shared space lays modalities onto each other: finding one by the other, and classes by prompts."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from l0gm_edge.core import scores
from l0gm_edge.core.dataset import Prompted, Split, Values
from l0gm_edge.learn.batches import tensors
from l0gm_edge.learn.evaluate import ROWS
from l0gm_edge.models.fusion.tower import TowerFusion

Places = NDArray[np.float32]


@torch.no_grad()
def places(model: TowerFusion, split: Split) -> dict[str, Places]:
    """Where each modality's rows lie, of length 1, in evaluation mode: (n, width) by name."""
    model.eval()
    parts = [model.places(**tensors(split.take(slice(at, at + ROWS)))[0]) for at in range(0, len(split), ROWS)]
    units = torch.nn.functional.normalize(torch.cat(parts), dim=-1)
    return {name: units[:, at].numpy() for at, name in enumerate(model.names)}


def recalls(found: dict[str, Places], k: int, wanted: NDArray[np.bool_] | None = None) -> dict[str, float]:
    """Recall at `k` of every modality by every other, as `one by other`; see `scores.recall_at`."""
    return {
        f"{one} by {query}": scores.recall_at(found[query], found[one], k, wanted)
        for query in found
        for one in found
        if query != one
    }


def zero_shot(model: TowerFusion, split: Split, data: Prompted) -> NDArray[np.float32]:
    """How alike rows are to the prompts of each class, by the modalities that have no prompts: (n, classes)."""
    inputs: dict[str, Values] = {
        name: np.zeros((len(data.classes), *shape), split.inputs[name].dtype) for name, shape in data.shapes.items()
    }
    told = places(model, Split(inputs | dict(data.prompts), np.arange(len(data.classes))))
    seen = places(model, split)
    queries = np.stack([seen[name] for name in seen if name not in data.prompts])
    classes = np.stack([told[name] for name in data.prompts])
    out: NDArray[np.float32] = np.einsum("anw,bcw->nc", queries, classes)
    return out
