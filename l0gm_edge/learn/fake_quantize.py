"""Training that feels 8-bit arithmetic: weights and inputs of linear layers and convolutions on the grid of int8.

Weights are symmetric with a scale for each output channel, so that a batch normalisation folded into them later changes
the scales and not the grid; inputs have one scale and a zero point, from the batch at hand. Rounding passes gradients
through (straight-through estimator, arXiv 1308.3432; quantization-aware training as in arXiv 1712.05877). Nothing of it
stays in the model: the same weights go to the runtimes' own quantizers, which find the grid that was trained for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l0gm_edge.gates.gated import plain_forward
from l0gm_edge.gates.layers import CONVOLUTIONS

LAYERS = (nn.Linear, *CONVOLUTIONS)
SMALLEST = 1e-12
"""Scales are at least this: a channel of zeros stays one."""


@contextmanager
def fake_quantized(model: nn.Module) -> Iterator[None]:
    """Within the context, the model's linear layers and convolutions compute as int8 would; layers whose forward pass
    is not torch's own are left alone."""
    replaced = [layer for layer in model.modules() if isinstance(layer, LAYERS) and plain_forward(layer)]
    for layer in replaced:
        layer.forward = partial(_rounded, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in replaced:
            del layer.forward


def on_weight_grid(weight: Tensor) -> Tensor:
    """Weights (outputs, ...) rounded to 255 levels around zero, each output channel to its own."""
    scale = weight.detach().abs().flatten(1).amax(1).div(127).clamp_min(SMALLEST)
    return torch.fake_quantize_per_channel_affine(
        weight, scale, torch.zeros_like(scale, dtype=torch.int32), 0, -127, 127
    )


def on_input_grid(x: Tensor) -> Tensor:
    """Inputs rounded to 256 levels over their range; zero is one of them."""
    low, high = x.detach().amin().clamp_max(0), x.detach().amax().clamp_min(0)
    scale = ((high - low) / 255).clamp_min(SMALLEST)
    zero_point = (-low / scale).round().to(torch.int32)
    return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, 0, 255)


def _rounded(layer: nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d, x: Tensor) -> Tensor:
    x, weight = on_input_grid(x), on_weight_grid(layer.weight)
    if isinstance(layer, nn.Linear):
        return F.linear(x, weight, layer.bias)
    out: Tensor = layer._conv_forward(x, weight, layer.bias)
    return out
