"""The physical cut: fold open gates into the weights that read them, then slice every layer's axes."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.core.site import Composite
from l0gm_edge.gates.attach import expert_layers, gate_logit, router_paths
from l0gm_edge.gates.layers import axis_width, keep_positions
from l0gm_edge.gates.layout import Layout


def cut(model: nn.Module, plan: PrunePlan, layout: Layout, gates: Tensor) -> nn.Module:
    """A smaller copy of `model`, equal to it with these gate values on; the model itself is left as it was."""
    small = copy.deepcopy(model)
    fold_gates(small, layout, gates)
    return replay(small, plan)


@torch.no_grad()
def fold_gates(model: nn.Module, layout: Layout, gates: Tensor) -> None:
    """Multiply each gate into the input columns of its readers; an expert's gate into its router bias, and the widest
    open of a layer's experts into what they give."""
    every = torch.cat([gates, gates.new_ones(1)])
    routers = router_paths(layout)
    for (path, axis), entries in layout.axes(model).items():
        layer, values = model.get_submodule(path), every[entries]
        if axis == "in":
            parts = layer.parts("in") if isinstance(layer, Composite) else ("",)
            for part in parts:
                weight = layer.get_submodule(part).weight
                assert isinstance(weight, Tensor)
                weight.mul_(values.view(1, -1, *[1] * (weight.dim() - 2)))
        elif path in routers:
            assert isinstance(layer.bias, Tensor)
            layer.bias.add_(gate_logit(values))
    for path, span in expert_layers(layout).items():
        layer = model.get_submodule(path)
        assert isinstance(layer, Composite)
        for part in layer.parts("out"):
            for parameter in layer.get_submodule(part).parameters():
                parameter.mul_(gates[span].max())


def replay(model: nn.Module, plan: PrunePlan) -> nn.Module:
    """Slice a freshly built base model, in place, to the plan's widths; ready for the plan's weights.

    Raises RefusedInput when the model is not the plan's base architecture.
    """
    for entry in plan.slices:
        if entry.axis == "units":
            continue
        layer = _layer(model, entry.module)
        width = axis_width(layer, entry.axis)
        if width != entry.width:
            raise RefusedInput(
                f"layer {entry.module} has {width or 'no'} positions on axis '{entry.axis}'",
                where="prune plan",
                allowed=f"{entry.width}: the plan belongs to another architecture",
            )
        keep_positions(layer, entry.axis, entry.keep)
    for entry in plan.slices:
        if entry.axis == "units":
            layer = _layer(model, entry.module)
            assert isinstance(layer, Composite)
            layer.keep_units(entry.keep)
    return model


def _layer(model: nn.Module, path: str) -> nn.Module:
    try:
        return model.get_submodule(path)
    except AttributeError as error:
        raise RefusedInput(
            f"the model has no layer {path}", where="prune plan", allowed="the architecture that the plan was made for"
        ) from error
