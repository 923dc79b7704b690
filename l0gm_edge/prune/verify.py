"""The proof of every run: the cut model gives what the gated model gave."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from l0gm_edge.core.plan import Exactness
from l0gm_edge.gates.activations import tensors
from l0gm_edge.gates.evaluation import evaluating
from l0gm_edge.gates.inputs import Example, Inputs

TOLERANCE = 1e-5
"""Largest allowed difference in fp32, relative to the output scale."""


def verify(gated: nn.Module, cut: nn.Module, real: Example | Inputs, seed: int) -> Exactness:
    """Compare both models in evaluation mode on real inputs and on as many random ones; both are left as they were.

    Every tensor among the inputs has one row a sample.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = Inputs.of(real)
    random = Inputs(
        tuple(_random_like(value, generator) for value in inputs.args),
        {name: _random_like(value, generator) for name, value in inputs.kwargs.items()},
    )
    return Exactness(
        random_inputs=relative_difference(gated, cut, random),
        real_inputs=relative_difference(gated, cut, inputs),
        samples=2 * max((len(value) for value in tensors([inputs.args, inputs.kwargs]) if value.dim()), default=1),
        tolerance=TOLERANCE,
    )


def relative_difference(gated: nn.Module, cut: nn.Module, inputs: Example | Inputs) -> float:
    """The largest max |cut - gated| over max |gated| of any output; infinity when shapes differ, or what is finite."""
    with evaluating(gated), evaluating(cut):
        expected = list(tensors(Inputs.of(inputs).call(gated)))
        found = list(tensors(Inputs.of(inputs).call(cut)))
    if len(expected) != len(found):
        return float("inf")
    return max((_difference(*pair) for pair in zip(expected, found, strict=True)), default=0.0)


def _difference(expected: Tensor, found: Tensor) -> float:
    finite = torch.isfinite(expected)
    if expected.shape != found.shape or not torch.equal(finite, torch.isfinite(found)):
        return float("inf")
    if not finite.any():
        return 0.0 if not expected.numel() else float("inf")
    apart = (expected[finite].double() - found[finite].double()).abs().max()
    return float(apart / expected[finite].double().abs().max().clamp_min(1e-12))


def _random_like(value: Any, generator: torch.Generator) -> Any:
    """Normal noise; for whole numbers, such as tokens, any that occur between the least and the greatest."""
    if not isinstance(value, Tensor) or not value.numel():
        return value
    if value.is_floating_point():
        return torch.randn(value.shape, generator=generator).to(value)
    low, high = int(value.min()), int(value.max()) + 1
    return torch.randint(low, high, value.shape, generator=generator).to(value)
