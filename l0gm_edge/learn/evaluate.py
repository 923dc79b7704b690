"""What a trained torch model says: logits of a split."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from l0gm_edge.core import scores
from l0gm_edge.core.dataset import Dataset, Split
from l0gm_edge.core.subsets import Given, Partial, Subsets
from l0gm_edge.learn.batches import tensors
from l0gm_edge.models.views import given, subsets

ROWS = 512


@torch.no_grad()
def logits(model: nn.Module, split: Split, present: Collection[str] | None = None) -> NDArray[np.float32]:
    """The model's logits in evaluation mode, (n, classes); where only some modalities are `present`, if told so."""
    model.eval()
    present = split.inputs.keys() if present is None else present
    chunks = (tensors(split.take(slice(start, start + ROWS)))[0] for start in range(0, len(split), ROWS))
    joined: NDArray[np.float32] = torch.cat([model(**given(chunk, present)) for chunk in chunks]).numpy()
    return joined


def partly(dense: nn.Module, compressed: nn.Module, data: Dataset) -> Subsets:
    """Both models on every subset of the data's modalities."""
    asked = subsets(data.shapes)
    found = zip(asked, partials(dense, data, asked), partials(compressed, data, asked), strict=True)
    return Subsets(given=tuple(Given(modalities=names, dense=one, compressed=other) for names, one, other in found))


def partials(model: nn.Module, data: Dataset, asked: Sequence[Collection[str]]) -> list[Partial]:
    """A model's figures on test where only these modalities are present, one after the other."""
    if not asked:
        return []
    temperature = scores.fit_temperature(logits(model, data.validation), data.validation.labels)
    return [_partial(logits(model, data.test, present), data.test.labels, temperature) for present in asked]


def _partial(found: NDArray[np.float32], labels: NDArray[np.int64], temperature: float) -> Partial:
    return Partial(
        accuracy=scores.accuracy(found, labels),
        ece=scores.ece(found, labels),
        ece_scaled=scores.ece(found, labels, temperature),
    )
