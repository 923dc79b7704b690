"""Images with most of their variance taken away, by principal components.

Means, axes and weights are rounded to binary fractions coarse enough for every sum below to be exact in float64. So the
images come out the same to the last bit whatever the BLAS library and its number of threads: data digests depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.dataset import Array

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Principal:
    """The mean image (pixels,) and the first principal axes (pixels, components) of a set of images."""

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]


def principal(images: Bytes, components: int) -> Principal:
    """Fit the first principal components of `images` (n, h, w)."""
    pixels = images.reshape(len(images), -1).astype(np.float64)
    mean = pixels.mean(axis=0)
    covariance = pixels.T @ pixels / len(pixels) - np.outer(mean, mean)
    _, axes = np.linalg.eigh(covariance)  # in ascending order of variance
    return Principal(_rounded(mean, bits=8), _rounded(axes[:, -components:], bits=20))


def rebuild(images: Bytes, fitted: Principal) -> Array:
    """`images` (n, h, w) rebuilt from the fitted components, without adding the mean back: (n, 1, h, w).

    The unit is one full brightness (255); values lie about zero, within -1..1 but for rare overshoot.
    """
    weights = _rounded((images.reshape(len(images), -1) - fitted.mean) @ fitted.axes, bits=10)
    rebuilt = (weights @ fitted.axes.T / 255).astype(np.float32)
    return rebuilt.reshape(len(images), 1, *images.shape[1:])


def _rounded(values: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    return np.asarray(np.round(values * 2.0**bits) / 2.0**bits)
