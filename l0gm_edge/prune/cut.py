"""The physical cut: fold open gates into the weights that read them, then slice every layer's axes."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.plan import PrunePlan
from l0gm_edge.core.site import Composite
from l0gm_edge.gates.attach import gate_logit, router_paths
from l0gm_edge.gates.layers import CONVOLUTIONS, axis_width, is_depthwise
from l0gm_edge.gates.layout import Layout


def cut(model: nn.Module, plan: PrunePlan, layout: Layout, gates: Tensor) -> nn.Module:
    """A smaller copy of `model`, equal to it with these gate values on; the model itself is left as it was."""
    small = copy.deepcopy(model)
    fold_gates(small, layout, gates)
    return replay(small, plan)


@torch.no_grad()
def fold_gates(model: nn.Module, layout: Layout, gates: Tensor) -> None:
    """Multiply each gate into the input columns of its readers; an expert's gate into its router bias."""
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


def replay(model: nn.Module, plan: PrunePlan) -> nn.Module:
    """Slice a freshly built base model, in place, to the plan's widths; ready for the plan's weights.

    Raises RefusedInput when the model is not the plan's base architecture.
    """
    for entry in plan.slices:
        if entry.axis == "units":
            continue
        layer = _layer(model, entry.module)
        if axis_width(layer, entry.axis) != entry.width:
            raise RefusedInput(
                f"layer {entry.module} has {axis_width(layer, entry.axis)} positions on axis '{entry.axis}'",
                where="prune plan",
                allowed=f"{entry.width}: the plan belongs to another architecture",
            )
        (_keep_inputs if entry.axis == "in" else _keep_outputs)(layer, entry.keep)
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


def _keep_inputs(layer: nn.Module, keep: Sequence[int]) -> None:
    _slice(layer, "weight", 1, keep)
    if isinstance(layer, nn.Linear):
        layer.in_features = len(keep)
    elif isinstance(layer, CONVOLUTIONS):
        layer.in_channels = len(keep)


def _keep_outputs(layer: nn.Module, keep: Sequence[int]) -> None:
    axis = 1 if isinstance(layer, nn.Embedding) else 0
    for name in ("weight", "bias", "running_mean", "running_var"):
        _slice(layer, name, axis, keep)
    match layer:
        case nn.Linear():
            layer.out_features = len(keep)
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
            if is_depthwise(layer):
                layer.in_channels = layer.groups = len(keep)
            layer.out_channels = len(keep)
        case nn.BatchNorm1d() | nn.BatchNorm2d() | nn.BatchNorm3d():
            layer.num_features = len(keep)
        case nn.LayerNorm():
            layer.normalized_shape = (len(keep),)
        case nn.Embedding():
            layer.embedding_dim = len(keep)


def _slice(layer: nn.Module, name: str, axis: int, keep: Sequence[int]) -> None:
    """Keep entries of one parameter or buffer along an axis, if the layer has it."""
    values = getattr(layer, name, None)
    if not isinstance(values, Tensor):
        return
    kept = values.detach().index_select(axis, torch.tensor(keep, dtype=torch.long)).clone()
    setattr(layer, name, nn.Parameter(kept, values.requires_grad) if isinstance(values, nn.Parameter) else kept)
