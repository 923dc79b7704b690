"""Normalisation over the open entries only, as the physically smaller layer would do it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from l0gm_edge.gates.layers import rms_eps


def layer_norm(x: Tensor, norm: nn.LayerNorm, open_entries: Tensor) -> Tensor:
    """Layer normalisation of (..., width) whose mean and variance leave out entries where `open_entries` is 0."""
    with torch.autocast(x.device.type, enabled=False):
        fine, share = _fine(x), _share(open_entries)
        weight = torch.ones_like(share) if norm.weight is None else norm.weight.to(fine.dtype)
        bias = torch.zeros_like(share) if norm.bias is None else norm.bias.to(fine.dtype)
        out: Tensor = _LayerNorm.apply(fine, share, weight, bias, norm.eps)  # type: ignore[no-untyped-call]
    return _like(out, x)


class _LayerNorm(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last axis, where `share` weighs entries of x.

    Written out, since it runs at every step: few passes over x, and nothing of its size is kept but x.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, share: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        """Normalise (..., width)."""
        mean = (x @ share).unsqueeze(-1)
        standard = x - mean
        scale = torch.rsqrt((standard.square() @ share).unsqueeze(-1) + eps)
        ctx.save_for_backward(x, share, weight, mean, scale)
        return torch.addcmul(bias, standard.mul_(scale), weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Mean and scale depend on open entries only."""
        (grad,) = grads
        x, share, weight, mean, scale = ctx.saved_tensors
        standard = (x - mean).mul_(scale)
        product = grad * standard
        along, level = (product @ weight).unsqueeze(-1), (grad @ weight).unsqueeze(-1)
        through = torch.addcmul(level, standard, along).mul_(share)
        to_x = (grad * weight).sub_(through).mul_(scale)
        rows = (-1, x.shape[-1])
        return to_x, None, product.reshape(rows).sum(0), grad.reshape(rows).sum(0), None


def rms_norm(x: Tensor, norm: nn.Module, open_entries: Tensor) -> Tensor:
    """Division of (..., width) by the root mean square of the open entries."""
    weight = norm.weight
    assert weight is None or isinstance(weight, Tensor)
    with torch.autocast(x.device.type, enabled=False):
        fine = _fine(x)
        scale = torch.rsqrt((fine.square() @ _share(open_entries)).unsqueeze(-1) + rms_eps(norm))
        out = _scaled(fine * scale, weight, None)
    return _like(out, x)


def group_norm(x: Tensor, norm: nn.GroupNorm, open_entries: Tensor) -> Tensor:
    """Normalisation of (n, channels, *) as one group whose statistics leave out closed channels."""
    shape = (1, -1, *[1] * (x.dim() - 2))
    with torch.autocast(x.device.type, enabled=False):
        fine, share = _fine(x), _share(open_entries)
        centred = fine - _mean(fine, share)
        scale = torch.rsqrt(_mean(centred.square(), share) + norm.eps)
        weight, bias = (None if one is None else one.view(shape) for one in (norm.weight, norm.bias))
        out = _scaled(centred * scale, weight, bias)
    return _like(out, x)


def _fine(x: Tensor) -> Tensor:
    """Statistics are taken in float32 at least, as torch's own norms do."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _share(open_entries: Tensor) -> Tensor:
    """The weight of each entry in a mean over open ones; a draw of the gates may close them all."""
    fine = _fine(open_entries)
    return fine / fine.sum().clamp_min(1)


def _mean(x: Tensor, share: Tensor) -> Tensor:
    """Mean over the open channels and all positions of (n, channels, *)."""
    means = x.flatten(2).mean(2) @ share
    return means.view(-1, *[1] * (x.dim() - 1))


def _like(out: Tensor, x: Tensor) -> Tensor:
    """In the number format that torch's own norm would give."""
    return out if x.is_cuda and torch.is_autocast_enabled("cuda") else out.to(x.dtype)


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        x = x * weight
    return x if bias is None else x + bias
