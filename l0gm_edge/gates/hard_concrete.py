"""The hard-concrete distribution of an L0 gate (Louizos, Welling and Kingma 2018, arXiv 1712.01312)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BETA = 2 / 3
GAMMA = -0.1
ZETA = 1.1
EPSILON = 1e-6
CLOSES_AT = math.log(-GAMMA / ZETA)
"""Logit of the concrete variable below which a gate is closed."""


def sample(log_alpha: Tensor, beta: float = BETA, generator: torch.Generator | None = None) -> Tensor:
    """Draw gates z in [0, 1], one per entry of `log_alpha`, at temperature `beta`; differentiable in `log_alpha`."""
    uniform = torch.rand(log_alpha.shape, generator=generator, dtype=log_alpha.dtype, device=log_alpha.device)
    uniform = uniform.clamp(EPSILON, 1 - EPSILON)
    return _stretch(torch.sigmoid((uniform.logit() + log_alpha) / beta))


def open_probability(log_alpha: Tensor, beta: float = BETA) -> Tensor:
    """P(z != 0), the expected L0 cost of each gate: sigmoid(log_alpha - beta log(-gamma / zeta))."""
    return torch.sigmoid(log_alpha - beta * CLOSES_AT)


def deployed(log_alpha: Tensor, beta: float = BETA) -> Tensor:
    """The gates used when not training.

    The noise-free gate at the training temperature, sigmoid(log_alpha / beta), so that a gate closes exactly where
    P(z != 0) = 0.5; the paper's rule omits beta and closes gates only at P = 0.31, which makes the expected and the
    deployed count disagree.
    """
    return _stretch(torch.sigmoid(log_alpha / beta))


def _stretch(concrete: Tensor) -> Tensor:
    return (concrete * (ZETA - GAMMA) + GAMMA).clamp(0, 1)
