"""Trial cuts: whether the model's own code still works when units of a site are really gone.

Labels cannot see that a forward pass splits at a fixed place, reshapes to a fixed width or computes with a size. A
site is believed only when the model runs without its first and without its last unit, as it does with those gated.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from l0gm_edge.core.site import Composite, Site
from l0gm_edge.gates.attach import Gating
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.layers import keep_positions
from l0gm_edge.gates.layout import Layout
from l0gm_edge.gates.operations import tensors

TOLERANCE = 1e-3
"""Of the output scale; a wrong cut is off by far more, rounding by far less."""


def survives(model: nn.Module, example_inputs: Mapping[str, Tensor], site: Site) -> bool:
    """Whether a traced site can be cut: the smaller model gives what the gated one gives."""
    return all(_alike(model, example_inputs, site, unit) for unit in {0, site.width - 1} if site.width > 1)


def _alike(model: nn.Module, example_inputs: Mapping[str, Tensor], site: Site, closed: int) -> bool:
    layout = Layout.of([site])
    gates = torch.ones(site.width)
    gates[closed] = 0
    gating = Gating(model, layout, lambda _training: gates)
    try:
        with evaluating(model):
            expected = list(tensors(model(**example_inputs)))
    finally:
        gating.remove()
    small = _without(copy.deepcopy(model), layout, gates)
    try:
        with evaluating(small):
            found = list(tensors(small(**example_inputs)))
    except (RuntimeError, ValueError, IndexError):
        return False  # shapes that no longer fit
    return len(expected) == len(found) and all(map(_close, expected, found))


def _without(small: nn.Module, layout: Layout, gates: Tensor) -> nn.Module:
    every = torch.cat([gates, gates.new_ones(1)])
    for (path, axis), entries in layout.axes(small).items():
        layer = small.get_submodule(path)
        keep = torch.nonzero(every[entries]).flatten().tolist()
        for part in layer.parts(axis) if isinstance(layer, Composite) else ("",):
            keep_positions(layer.get_submodule(part), axis, keep)
    return small


def _close(expected: Tensor, found: Tensor) -> bool:
    if expected.shape != found.shape:
        return False
    scale = float(expected.abs().max()) if expected.numel() else 0.0
    return torch.allclose(expected, found, rtol=0, atol=TOLERANCE * scale, equal_nan=True)
