"""The layers that can be cut: which of their tensors' dimensions lie along which axis, and what it is to keep a part.

An axis' positions may lie in a dimension several times over, as the gates of a recurrent layer do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor, nn

from l0gm_edge.core.site import Axis
from l0gm_edge.gates.composites import as_composite

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CHANNELWISE = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.PReLU,
)  # fmt: skip
RECURRENT = (nn.GRU, nn.LSTM, nn.RNN)


@dataclass(frozen=True)
class Stored:
    """A dimension of a parameter or buffer that lies along an axis, `times` over."""

    name: str
    dim: int
    axis: Axis
    times: int = 1


def stored(layer: nn.Module) -> tuple[Stored, ...]:
    """The dimensions of a plain layer's own tensors that lie along its axes; none for what cannot be cut."""
    return tuple(one for one in _stored(layer) if isinstance(getattr(layer, one.name, None), Tensor))


def axis_width(layer: nn.Module, axis: Axis) -> int:
    """The length of a layer's input or output axis; 0 when it has none that can be cut."""
    if (composite := as_composite(layer)) is not None:
        return composite.in_features if axis == "in" else composite.out_features
    match layer:
        case nn.Linear():
            return layer.in_features if axis == "in" else layer.out_features
        case _ if isinstance(layer, CONVOLUTIONS + TRANSPOSED):
            return int(layer.in_channels if axis == "in" else layer.out_channels)
        case nn.GroupNorm():
            return layer.num_channels
        case nn.PReLU():
            return layer.num_parameters
        case _ if isinstance(layer, CHANNELWISE):
            return int(vars(layer)["num_features"])
        case nn.LayerNorm() | nn.RMSNorm():
            return int(layer.normalized_shape[0])
        case nn.Embedding():
            return layer.embedding_dim
        case _ if isinstance(layer, RECURRENT):
            return int(layer.input_size if axis == "in" else layer.hidden_size)
        case _ if is_rms_norm(layer):
            weight = layer.weight
            return weight.numel() if isinstance(weight, Tensor) else 0
        case _:
            return 0


def can_be_cut(layer: nn.Module) -> bool:
    """Whether it is a layer with axes of its own."""
    match layer:
        case nn.PReLU():
            return layer.num_parameters > 1
        case nn.LayerNorm():
            return len(layer.normalized_shape) == 1
        case _ if isinstance(layer, TRANSPOSED):
            return bool(layer.groups == 1)
        case _ if isinstance(layer, RECURRENT):
            return not getattr(layer, "proj_size", 0)
        case nn.Linear() | nn.Embedding() | nn.GroupNorm():
            return True
        case _:
            plain = isinstance(layer, CONVOLUTIONS + CHANNELWISE)
            return plain or (is_rms_norm(layer) and _acts_as_rms_norm(layer))


def is_grouped(layer: nn.Module) -> TypeGuard[nn.Conv1d | nn.Conv2d | nn.Conv3d]:
    """Whether it is a convolution that treats groups of channels apart."""
    return isinstance(layer, CONVOLUTIONS) and layer.groups > 1


def is_rms_norm(layer: nn.Module) -> bool:
    """Whether a layer looks like one that divides by the root mean square of its last axis: one weight a feature.

    Such layers are written anew in most projects.
    """
    if isinstance(layer, nn.RMSNorm):
        return len(layer.normalized_shape) == 1
    own = dict(layer.named_parameters(recurse=False))
    weight = own.get("weight")
    if len(own) != 1 or weight is None or weight.dim() != 1 or "norm" not in type(layer).__name__.lower():
        return False
    return not (isinstance(layer, (*CHANNELWISE, nn.LayerNorm, nn.GroupNorm)) or [*layer.children(), *layer.buffers()])


def rms_eps(layer: nn.Module) -> float:
    """What an RMS norm adds to the mean square."""
    if isinstance(layer, nn.RMSNorm):
        weight = layer.weight
        return layer.eps if layer.eps is not None else torch.finfo(weight.dtype if weight is not None else None).eps
    names = ("variance_epsilon", "eps", "epsilon", "variance_eps", "norm_eps")
    return next((float(vars(layer)[name]) for name in names if isinstance(vars(layer).get(name), float)), 0.0)


def resize(layer: nn.Module, axis: Axis, count: int) -> None:
    """Let a plain layer's own numbers say that an axis has `count` positions."""
    inward = axis == "in"
    match layer:
        case nn.Linear():
            setattr(layer, "in_features" if inward else "out_features", count)
        case _ if is_grouped(layer):
            layer.groups, per_group = count * layer.groups // layer.out_channels, layer.in_channels // layer.groups
            layer.in_channels, layer.out_channels = per_group * layer.groups, count
        case _ if isinstance(layer, CONVOLUTIONS + TRANSPOSED):
            setattr(layer, "in_channels" if inward else "out_channels", count)
        case nn.GroupNorm():
            if layer.num_groups > 1:
                layer.num_groups = count * layer.num_groups // layer.num_channels
            layer.num_channels = count
        case nn.PReLU():
            layer.num_parameters = count
        case _ if isinstance(layer, CHANNELWISE):
            layer.num_features = count
        case nn.LayerNorm() | nn.RMSNorm():
            layer.normalized_shape = (count,)
        case nn.Embedding():
            layer.embedding_dim = count
        case _ if isinstance(layer, RECURRENT):
            setattr(layer, "input_size" if inward else "hidden_size", count)


def spread(positions: Sequence[int], width: int, times: int) -> list[int]:
    """Positions of an axis of `width` as they lie in a dimension that holds it `times` over."""
    return [block * width + position for block in range(times) for position in positions]


def _stored(layer: nn.Module) -> Iterator[Stored]:
    match layer:
        case nn.Linear():
            yield from (Stored("weight", 0, "out"), Stored("weight", 1, "in"), Stored("bias", 0, "out"))
        case _ if is_grouped(layer):
            yield from (Stored("weight", 0, "out"), Stored("bias", 0, "out"))
        case _ if isinstance(layer, CONVOLUTIONS):
            yield from (Stored("weight", 0, "out"), Stored("weight", 1, "in"), Stored("bias", 0, "out"))
        case _ if isinstance(layer, TRANSPOSED):
            yield from (Stored("weight", 1, "out"), Stored("weight", 0, "in"), Stored("bias", 0, "out"))
        case nn.Embedding():
            yield Stored("weight", 1, "out")
        case _ if isinstance(layer, RECURRENT):
            yield from _stored_recurrent(layer)
        case _ if isinstance(layer, (*CHANNELWISE, nn.LayerNorm, nn.GroupNorm)) or is_rms_norm(layer):
            yield from (Stored(name, 0, "out") for name in ("weight", "bias", "running_mean", "running_var"))


def _stored_recurrent(layer: nn.RNNBase) -> Iterator[Stored]:
    gates = {"LSTM": 4, "GRU": 3}.get(layer.mode, 1)
    directions = 2 if layer.bidirectional else 1
    for level in range(layer.num_layers):
        for suffix in (f"_l{level}", f"_l{level}_reverse")[:directions]:
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                yield Stored(name + suffix, 0, "out", gates)
            yield Stored(f"weight_hh{suffix}", 1, "out")
            yield Stored(f"weight_ih{suffix}", 1, "out", directions) if level else Stored(f"weight_ih{suffix}", 1, "in")


@torch.no_grad()
def _acts_as_rms_norm(layer: nn.Module) -> bool:
    """Whether it does so to random rows, large and small."""
    if isinstance(layer, nn.RMSNorm):
        return True
    weight = layer.weight
    assert isinstance(weight, Tensor)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(4, len(weight), generator=generator) * torch.tensor([1.0, 30.0, 1e-2, 1e-3])[:, None]
    rows = rows.to(weight)
    expected = rows * torch.rsqrt(rows.square().mean(-1, keepdim=True) + rms_eps(layer)) * weight
    try:
        found = type(layer).forward(layer, rows)
    except Exception:  # it wants something else
        return False
    alike = isinstance(found, Tensor) and found.shape == rows.shape
    return alike and torch.allclose(found, expected, rtol=1e-4 if weight.dtype == torch.float32 else 1e-2, atol=1e-6)
