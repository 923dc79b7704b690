"""How the experts of a trained model are spent: every layer's share of each expert, by modality.

A layer that reads one state for a whole row is shown every modality alone, the others missing, and all
together. A layer that reads tokens of known modalities is looked at once, with all modalities there, as it is used: a
modality's share is the average over its own tokens, those that only pad left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from l0gm_edge.core.dataset import Split
from l0gm_edge.core.report import LayerRouting, Routing
from l0gm_edge.core.specialization import specialization
from l0gm_edge.gates.evaluation import read_by
from l0gm_edge.learn.batches import Inputs, tensors
from l0gm_edge.learn.evaluate import ROWS
from l0gm_edge.learn.sparsify import kept_pairs
from l0gm_edge.models.fusion import Network
from l0gm_edge.models.moe import MoE
from l0gm_edge.models.views import TOGETHER, views


class Shares:
    """The mean share of each expert over the rows or tokens given so far, by the name of what was shown."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, float] = {}

    def add(self, name: str, share: Tensor, present: Tensor) -> None:
        """Take in (..., experts), of which those count whose `present`, (...), is 1 and that some expert serves."""
        present = present * (share.sum(-1) > 0)
        self._sums[name] = self._sums.get(name, 0) + (share * present.unsqueeze(-1)).flatten(0, -2).double().sum(0)
        self._counts[name] = self._counts.get(name, 0) + float(present.sum())

    def means(self) -> dict[str, tuple[float, ...]]:
        """The means, by name."""
        return {name: tuple((one / max(1.0, self._counts[name])).tolist()) for name, one in self._sums.items()}


def routing(model: nn.Module, split: Split, names: Callable[[str, int], Sequence[str]]) -> Routing:
    """How every layer of experts is spent on a split; `names` calls the experts of a layer, by its path and how many
    they are."""
    inputs, _ = tensors(split)
    layers = {path: layer for path, layer in model.named_modules() if isinstance(layer, MoE)}
    by_tokens = {path for path in layers if _tokens(model, path, _rows(inputs, 0, 1))}
    shown = views(inputs) if set(layers) - by_tokens else {TOGETHER: inputs}
    found = {path: Shares() for path in layers}
    for name, view in shown.items() if layers else ():
        for start in range(0, len(split), ROWS):
            part = _rows(view, start, start + ROWS)
            for path, share in _spent(model, layers, part).items():
                routed = (share.sum(-1) > 0).to(share.dtype)  # a score threshold may leave a row without experts
                of = _tokens(model, path, part)
                if not of:
                    found[path].add(name, share, routed)
                elif name == TOGETHER:
                    for modality, tokens in of.items():
                        found[path].add(modality, share, tokens * routed)
                    if len(of) > 1:
                        found[path].add(TOGETHER, share, torch.stack(list(of.values())).sum(0) * routed)
    kept = kept_pairs(model, split)
    return Routing(
        layers=tuple(
            _told(path, names(path, len(layer.experts)), found[path].means(), path in by_tokens, kept.get(path))
            for path, layer in layers.items()
        )
    )


def _told(
    path: str, experts: Sequence[str], means: Mapping[str, tuple[float, ...]], by_tokens: bool, kept: float | None
) -> LayerRouting:
    apart = [share for name, share in means.items() if name != TOGETHER]
    return LayerRouting(
        module=path,
        by_tokens=by_tokens,
        rows=tuple(means),
        experts=tuple(experts),
        share=tuple(means.values()),
        specialization=specialization(apart),
        kept_pairs=kept,
    )


@torch.no_grad()
def _spent(model: nn.Module, layers: Mapping[str, MoE], inputs: Inputs) -> dict[str, Tensor]:
    """What each layer makes of its experts in one pass: (..., experts), summing to 1, by path."""
    weights = {path: layers[path].weights(read) for path, read in read_by(layers, model, inputs).items()}
    return {path: one / one.sum(-1, keepdim=True).clamp_min(1e-12) for path, one in weights.items()}


def _tokens(model: nn.Module, path: str, inputs: Inputs) -> Mapping[str, Tensor]:
    return model.tokens_of(path, inputs) if isinstance(model, Network) else {}


def _rows(inputs: Inputs, start: int, stop: int) -> Inputs:
    return {name: values[start:stop] for name, values in inputs.items()}
