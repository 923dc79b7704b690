"""The layers that can be cut, and the axes they are cut along."""

from __future__ import annotations

from torch import nn

from l0gm_edge.core.site import Axis, Composite

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def axis_width(module: nn.Module, axis: Axis) -> int:
    """The length of a layer's input or output axis."""
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
            raise TypeError(f"{type(module).__name__} has no axis that can be cut")


def is_depthwise(module: nn.Module) -> bool:
    """Whether a convolution treats each channel alone."""
    return isinstance(module, CONVOLUTIONS) and module.groups == module.in_channels == module.out_channels > 1
