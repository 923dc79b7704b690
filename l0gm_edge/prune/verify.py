"""The proof of every run: the cut model gives what the gated model gave."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from l0gm_edge.core.plan import Exactness

TOLERANCE = 1e-5
"""Largest allowed difference in fp32, relative to the output scale."""


def verify(
    gated: nn.Module, cut: nn.Module, real: Mapping[str, Tensor], seed: int, random_samples: int = 256
) -> Exactness:
    """Compare both models in evaluation mode on real inputs (n, *shape a modality) and on as many random ones."""
    generator = torch.Generator().manual_seed(seed)
    random = {name: _random_like(values, random_samples, generator) for name, values in real.items()}
    return Exactness(
        random_inputs=relative_difference(gated, cut, random),
        real_inputs=relative_difference(gated, cut, real),
        samples=random_samples + len(next(iter(real.values()))),
        tolerance=TOLERANCE,
    )


@torch.no_grad()
def relative_difference(gated: nn.Module, cut: nn.Module, inputs: Mapping[str, Tensor]) -> float:
    """max |cut - gated| over max |gated|; infinity when either is not finite or the shapes differ."""
    expected, found = gated.eval()(**inputs), cut.eval()(**inputs)
    if expected.shape != found.shape:
        return float("inf")
    difference = float((expected - found).abs().max() / expected.abs().max().clamp_min(1e-12))
    return difference if difference == difference else float("inf")


def _random_like(values: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    """Normal noise; for whole numbers, such as tokens, any that occur between the least and the greatest."""
    shape = (samples, *values.shape[1:])
    if values.is_floating_point():
        return torch.randn(shape, generator=generator)
    return torch.randint(int(values.min()), int(values.max()) + 1, shape, generator=generator, dtype=values.dtype)
