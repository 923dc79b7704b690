"""The score thresholds by which layers of experts keep a share of their pairs: set without training, from rows.

In the style of the Sparsification of S3 (arXiv 2605.03348), which sorts the pairs of a batch by router score and keeps
the first. There, what a row gets depends on the rows beside it; with a threshold, found once and then part of the
layer, it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from l0gm_edge.core.dataset import Split
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.learn import routes
from l0gm_edge.learn.batches import tensors
from l0gm_edge.learn.evaluate import ROWS
from l0gm_edge.models.moe import MoE


@torch.no_grad()
def sparsify(model: nn.Module, split: Split, share: float) -> None:
    """Set every layer's threshold, in place, to the score that `share` of the pairs it routes reach on these rows.

    From the first layer to the last, each on what the ones before then give it. The threshold lies halfway between the
    last pair that stays and the first that goes, so that rounding decides about neither.
    """
    for path, layer, threshold in _thresholded(model):
        scores = _scores(model, {path: layer}, split)[path].sort(descending=True).values
        stay = max(1, round(share * len(scores)))
        between = (scores[stay - 1].double() + scores[stay].double()) / 2 if stay < len(scores) else 0.0
        threshold.copy_(torch.as_tensor(between))


@torch.no_grad()
def kept_pairs(model: nn.Module, split: Split) -> dict[str, float]:
    """The share of its pairs that every layer with a threshold keeps on these rows, by path."""
    layers = {path: layer for path, layer, _ in _thresholded(model)}
    scores = _scores(model, layers, split) if layers else {}
    return {path: float((scores[path] >= threshold).double().mean()) for path, _, threshold in _thresholded(model)}


def _thresholded(model: nn.Module) -> Iterator[tuple[str, MoE, Tensor]]:
    """The layers of experts that have a threshold, with their paths before and it after them."""
    for path, layer in model.named_modules():
        if isinstance(layer, MoE) and layer.threshold is not None:
            yield path, layer, layer.threshold


def _scores(model: nn.Module, layers: Mapping[str, MoE], split: Split) -> dict[str, Tensor]:
    """The router scores of all pairs of each layer, (pairs,), by path, also of those below its own threshold."""
    parts: dict[str, list[Tensor]] = {path: [] for path in layers}
    for start in range(0, len(split), ROWS):
        inputs, _ = tensors(split.take(slice(start, start + ROWS)))
        with evaluating(model), routes.recorded(model, inputs) as logits:
            model(**inputs)
        for path, layer in layers.items():
            parts[path].append(layer.scores(logits[path]).flatten())
    return {path: torch.cat(found) for path, found in parts.items()}
