"""The physical cut: fold open gates into the weights that read them, then slice every layer's axes."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.gates.attach import expert_layers, gate_logit, router_paths
from l0gm_edge.gates.layers import RECURRENT, stored
from l0gm_edge.gates.layout import Layout, bare, place_width
from l0gm_edge.gates.surgery import parts_of, perform, shrink
from l0gm_edge.models.moe import MoE


def cut(model: nn.Module, layout: Layout, gates: Tensor) -> nn.Module:
    """A smaller copy of `model`, equal to it with these gate values on; the model itself is left as it was.

    Gates of hard sites must be 0 or 1.
    """
    small = copy.deepcopy(model)
    fold_gates(small, layout, gates)
    shrink(small, layout, gates != 0)
    return small


@torch.no_grad()
def fold_gates(model: nn.Module, layout: Layout, gates: Tensor) -> None:
    """Multiply each gate into the input columns of its readers; an expert's gate into its router bias, and the widest
    open of a layer's experts into what they give. Gates of hard sites, which must be 0 or 1, stay as they are."""
    soft = torch.where(layout.hard.to(gates.device), torch.ones_like(gates), gates)
    every, routers = torch.cat([soft, gates.new_ones(1)]), router_paths(layout)
    for place, entries in layout.axes(model).items():
        values = every[entries.to(gates.device)]
        for path, axis in parts_of(model, place) if place[1] == "in" else (place,):
            if axis.isdigit():
                if place[1] == "in":
                    _scale(bare(model, path), int(axis), values)
                continue
            layer = model.get_submodule(path)
            if path in routers and axis == "out":
                assert isinstance(layer.bias, Tensor)
                layer.bias.add_(gate_logit(values).to(layer.bias))
            elif axis == "in" or isinstance(layer, RECURRENT):
                for one in stored(layer):
                    if one.axis == axis and (one.dim == 1 or axis == "in"):
                        _scale(getattr(layer, one.name), one.dim, values.repeat(one.times))
    for path, span in expert_layers(layout).items():
        for part, axis in parts_of(model, (path, "out")):
            assert axis == "out"
            for parameter in model.get_submodule(part).parameters():
                parameter.mul_(gates[span].max())


def replay(model: nn.Module, plan: PrunePlan) -> nn.Module:
    """Cut a freshly built base model, in place, to the plan's widths and experts; ready for the plan's weights.

    Raises RefusedInput when the model is not the plan's base architecture.
    """
    for entry in plan.slices:
        try:
            width = entry.width if entry.axis == "units" else place_width(model, (entry.module, entry.axis))
            model.get_submodule(entry.module if not entry.axis.isdigit() else "")
        except AttributeError as error:
            raise _not_the_base(f"the model has no layer {entry.module}") from error
        if width != entry.width:
            raise RefusedInput(
                f"layer {entry.module} has {width or 'no'} positions on axis '{entry.axis}'",
                where="prune plan",
                allowed=f"{entry.width}: the plan belongs to another architecture",
            )
    try:
        perform(model, plan)
        for cut_layer in plan.experts:
            layer = model.get_submodule(cut_layer.module)
            if not isinstance(layer, MoE):
                raise _not_the_base(f"{cut_layer.module} is no layer of experts")
            layer.regroup(cut_layer.groups)
    except AttributeError as error:
        raise _not_the_base(str(error)) from error
    return model


def _not_the_base(what: str) -> RefusedInput:
    return RefusedInput(what, where="prune plan", allowed="the architecture that the plan was made for")


def _scale(tensor: Tensor, dim: int, values: Tensor) -> None:
    shape = [1] * tensor.dim()
    shape[dim] = -1
    tensor.mul_(values.to(tensor).view(shape))
