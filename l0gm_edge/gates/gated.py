"""What layers compute with gates on: weights that read closed units, or the inputs themselves, multiplied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from l0gm_edge.gates.layers import CONVOLUTIONS, stored
from l0gm_edge.gates.multihead import Gate

Forward = Callable[..., Any]


def linear(layer: nn.Linear, gate: Gate, x: Tensor) -> Tensor:
    """A linear layer whose inputs are gated; the smaller of input and weight is multiplied, which is the same."""
    if x.numel() > layer.weight.numel():
        return F.linear(x, layer.weight * gate(layer.weight), layer.bias)
    return F.linear(x * gate(x), layer.weight, layer.bias)


def convolution(layer: nn.Conv1d | nn.Conv2d | nn.Conv3d, gate: Gate, x: Tensor) -> Tensor:
    """A convolution whose input channels are gated."""
    shape = (-1, *[1] * len(layer.kernel_size))
    scaled = x.numel() <= layer.weight.numel()
    weight = layer.weight if scaled else layer.weight * gate(layer.weight).view(shape)
    out: Tensor = layer._conv_forward(x * gate(x).view(shape) if scaled else x, weight, layer.bias)
    return out


def recurrent(
    layer: nn.RNNBase, forward: Forward, *args: Any, read: Gate | None = None, hidden: Gate | None = None, **kwargs: Any
) -> Any:
    """A recurrent layer whose inputs (`read`) and whose own hidden state (`hidden`) are gated where it reads them."""
    columns = {one.name: one for one in stored(layer) if one.dim == 1}

    def gated(name: str, weight: Any) -> Any:
        one = columns.get(name)
        gate = None if one is None else read if one.axis == "in" else hidden
        return weight if one is None or gate is None else weight * gate(weight).repeat(one.times)

    before = layer._flat_weights
    layer._flat_weights = [gated(*pair) for pair in zip(layer._flat_weights_names, before, strict=True)]
    try:
        return forward(*args, **kwargs)
    finally:
        layer._flat_weights = before


def plain_forward(layer: nn.Module) -> bool:
    """Whether a linear layer or convolution computes what torch's own does, so that its weight may be multiplied."""
    kinds: tuple[type[nn.Module], ...] = (nn.Linear, *CONVOLUTIONS)
    return any(type(layer).forward is kind.forward for kind in kinds) and "forward" not in vars(layer)


def blend(before: Tensor, after: Tensor, gate: Tensor) -> Tensor:
    """What a residual block whose input is `before` and whose output is `after` gives with its gate on, a scalar."""
    out: Tensor = _Blend.apply(before, after, gate)  # type: ignore[no-untyped-call]
    return out


class _Blend(torch.autograd.Function):
    """before + gate (after - before). It keeps what is given and not what was blended, where that is enough: the next
    block keeps it anyway."""

    @staticmethod
    def forward(ctx: Any, before: Tensor, after: Tensor, gate: Tensor) -> Tensor:
        """Blend two tensors of a shape."""
        out = torch.lerp(before, after, gate)
        asked = not gate.is_cuda and not torch.compiler.is_compiling()  # to ask a GPU would be to wait for it
        ctx.is_given = asked and float(gate) > 0.5
        ctx.save_for_backward(before, out if ctx.is_given else after, gate)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The gate's gradient is the product with what the block adds."""
        (grad,) = grads
        before, other, gate = ctx.saved_tensors
        flat = grad.reshape(-1)
        added = flat @ other.reshape(-1) - flat @ before.reshape(-1)
        return grad * (1 - gate), grad * gate, added / gate if ctx.is_given else added
