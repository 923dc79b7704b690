"""The layers that can be cut, and the axes they are cut along."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from l0gm_edge.core.site import Axis, Composite

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def axis_width(module: nn.Module, axis: Axis) -> int:
    """The length of a layer's input or output axis; 0 when it has none that can be cut."""
    match module:
        case nn.Linear() | Composite():
            return module.in_features if axis == "in" else module.out_features
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
            return module.in_channels if axis == "in" else module.out_channels
        case nn.BatchNorm1d() | nn.BatchNorm2d() | nn.BatchNorm3d():
            return module.num_features
        case nn.LayerNorm():
            return int(module.normalized_shape[0])
        case nn.Embedding():
            return module.embedding_dim
        case _:
            return 0


def is_depthwise(module: nn.Module) -> bool:
    """Whether a convolution treats each channel alone."""
    return isinstance(module, CONVOLUTIONS) and module.groups == module.in_channels == module.out_channels > 1


def keep_positions(layer: nn.Module, axis: Axis, keep: Sequence[int]) -> None:
    """Keep these positions of a plain layer's input or output axis, in place."""
    (_keep_inputs if axis == "in" else _keep_outputs)(layer, keep)


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
