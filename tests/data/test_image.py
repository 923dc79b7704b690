"""Rebuilding images from principal components, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from l0gm_edge.data._image import principal, rebuild

RANDOM = np.random.default_rng(0)
IMAGES = (RANDOM.random((60, 3)) @ RANDOM.random((3, 20)) * 70 + RANDOM.random((60, 20)) * 5).astype(np.uint8)
IMAGES = IMAGES.reshape(60, 4, 5)


@pytest.mark.parametrize("components", [1, 3, 10])
def test_rebuilt_as_scikit_learn_does_less_the_mean(components: int) -> None:
    from sklearn.decomposition import PCA

    others = IMAGES[::-1][:7] // 2
    fitted = PCA(components, svd_solver="full").fit(IMAGES.reshape(60, 20).astype(np.float64))
    expected = (fitted.inverse_transform(fitted.transform(others.reshape(7, 20))) - fitted.mean_) / 255
    found = rebuild(others, principal(IMAGES, components))
    assert found.dtype == np.float32
    assert found.shape == (7, 1, 4, 5)
    np.testing.assert_allclose(found.reshape(7, 20), expected, atol=1e-4)


def test_all_components_give_the_image_less_the_mean() -> None:
    found = rebuild(IMAGES, principal(IMAGES, 20))[:, 0]
    np.testing.assert_allclose(found, (IMAGES - IMAGES.mean(axis=0)) / 255, atol=1e-4)


def test_more_components_lose_less() -> None:
    exact = (IMAGES - IMAGES.mean(axis=0)) / 255
    lost = [np.square(rebuild(IMAGES, principal(IMAGES, kept))[:, 0] - exact).sum() for kept in (1, 2, 3, 10, 20)]
    assert lost == sorted(lost, reverse=True)
    assert lost[2] < 0.1 * lost[0]  # three directions were put in
