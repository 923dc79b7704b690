"""Tensors that tie units together: those that several layers share, and bare parameters, which no layer owns."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn

from l0gm_edge.core.site import Axis
from l0gm_edge.gates.activations import Activations
from l0gm_edge.gates.labels import ALWAYS
from l0gm_edge.gates.layers import stored
from l0gm_edge.gates.layout import Place

DIMENSIONS: tuple[Axis, ...] = ("0", "1", "2", "3")


def tie_shared(model: nn.Module, axes: dict[Place, Tensor], known: Activations) -> list[Tensor]:
    """Tie the units of all layers that share a parameter; where one of them cannot be cut, none is.

    Layers that share it and never run get its labels too. Returns the labels of units whose gates cannot be folded,
    since the weights that read them are also something else.
    """
    holders: dict[int, list[tuple[str, nn.Module, str]]] = defaultdict(list)
    dims: dict[int, int] = {}
    for path, module in model.named_modules():
        for name, tensor in module.named_parameters(recurse=False):
            holders[id(tensor)].append((path, module, name))
            dims[id(tensor)] = tensor.dim()
    hard = []
    for number, shared in holders.items():
        if len(shared) < 2:
            continue
        known.labels.context = f"its weight is shared: {' and '.join(f'{path}.{name}' for path, _, name in shared)}"
        for dim in range(dims[number]):
            places = [_place_of(path, module, name, dim) for path, module, name in shared]
            found = [axes[place] for place in places if place in axes]
            for labels in found:
                known.labels.merge(labels, torch.full((), ALWAYS) if None in places else found[0])
            if found:
                axes.update({place: found[0] for place in places if place is not None and place not in axes})
                hard += [axes[place] for place in places if place is not None and place[1] == "in"]
    return hard


def settle_bare(known: Activations) -> dict[Place, Tensor]:
    """The places of bare parameters that carry units, with the label at each position.

    A unit must lie across whole slices of one dimension, else it is frozen. Elements that no layer's unit reached
    are cut with the rest of their slice.
    """
    found: dict[Place, Tensor] = {}
    labels = known.labels
    for path, own in known.carried.items():
        labels.context = f"does not lie along one dimension of {path}"
        roots = labels.roots(own)
        free = labels.loose(roots)
        if bool((free | (roots == ALWAYS)).all()):
            continue
        for dim in reversed(range(own.dim())):
            rows = roots.movedim(dim, 0).reshape(own.shape[dim], -1)
            loose = free.movedim(dim, 0).reshape(own.shape[dim], -1)
            low = rows.masked_fill(loose, torch.iinfo(torch.int64).max).amin(1)
            high = rows.masked_fill(loose, -1).amax(1)
            if bool(((low == high) | (high == -1)).all()) and dim < len(DIMENSIONS):
                found[path, DIMENSIONS[dim]] = torch.where(high == -1, ALWAYS, high)
                break
        else:
            labels.freeze(own)
    return found


def _place_of(path: str, module: nn.Module, name: str, dim: int) -> Place | None:
    """The axis of a layer that a dimension of one of its tensors lies along."""
    for one in stored(module):
        if (one.name, one.dim, one.times) == (name, dim, 1):
            return path, one.axis
    return None
