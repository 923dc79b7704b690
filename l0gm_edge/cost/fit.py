"""A predictor of latency from kept widths, and how well it does on cuts that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l0gm_edge.cost.features import Features
from l0gm_edge.gates.size import SizeModel

Vector = NDArray[np.float64]
STEPS = (4, 8, 16, 32)
RIDGES = (1e-5, 1e-4, 1e-3, 1e-2)
FOLDS = 5


class Fit:
    """Latency as a fraction of the dense model's: non-negative coefficients on `Features`."""

    def __init__(self, features: Features, coefficients: Tensor) -> None:
        self._features, self._coefficients = features, coefficients
        self._constant, self._factors = features.by_layer(coefficients)

    def __call__(self, gates: Tensor) -> Tensor:
        """(rows, units) gates -> (rows,) predicted fractions, float64, differentiable."""
        return self._constant + (self._features.of_layers(gates) * self._factors).sum((1, 2))

    def scaled(self, factor: float) -> Fit:
        """The same, times a factor."""
        return Fit(self._features, factor * self._coefficients)


def fit(size: SizeModel, kept: Tensor, ratios: Sequence[float], weights: Sequence[float] | None = None) -> Fit:
    """Fit to measured ratios to dense, (rows,), of the open units `kept`, (rows, units).

    Errors count relative to the ratio, times a row's weight. Cross-validation chooses the ridge, and the step in which
    the device's kernels work.
    """
    wanted = np.asarray(ratios, dtype=np.float64)
    trust = np.ones_like(wanted) if weights is None else np.asarray(weights, dtype=np.float64)
    known = {step: Features(size, step) for step in STEPS}
    rows = {step: features(kept).numpy() for step, features in known.items()}
    penalty = next(iter(known.values())).penalty.numpy()
    step, ridge = min(
        product(STEPS, RIDGES), key=lambda choice: _validated(rows[choice[0]], wanted, trust, choice[1] * penalty)
    )
    return Fit(known[step], torch.from_numpy(_solve(rows[step], wanted, trust, ridge * penalty)))


def errors(found: Fit, kept: Tensor, ratios: Sequence[float]) -> list[float]:
    """|predicted / measured - 1| of each row."""
    predicted = found(kept).detach().numpy()
    return [float(error) for error in np.abs(predicted / np.asarray(ratios) - 1)]


def _validated(rows: Vector, wanted: Vector, trust: Vector, held: Vector) -> float:
    """Weighted mean error over folds, each predicted from the others."""
    fold = np.arange(len(wanted)) % FOLDS
    missed = np.empty_like(wanted)
    for one in range(FOLDS):
        rest = fold != one
        found = _solve(rows[rest], wanted[rest], trust[rest], held)
        missed[~rest] = np.abs(rows[~rest] @ found / wanted[~rest] - 1)
    return float(np.average(missed, weights=trust))


def _solve(rows: Vector, wanted: Vector, trust: Vector, held: Vector) -> Vector:
    """Non-negative least squares on relative errors; `held` is each coefficient's ridge, a row."""
    from scipy.optimize import nnls

    scale = trust / wanted
    ridge = np.diag(np.sqrt(len(wanted) * held))
    found, _ = nnls(np.vstack([rows * scale[:, None], ridge]), np.concatenate([trust, np.zeros(len(held))]))
    return np.asarray(found)
