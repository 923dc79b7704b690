"""Weights of foreign files: NaN is refused anywhere, infinity wherever it is neither a mask nor a bound."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core.errors import RefusedInput


def require_finite(weights: Iterable[tuple[str, NDArray[Any]]], where: Path) -> None:
    """Raise RefusedInput, naming the tensor, where a floating-point tensor holds what no computation comes back from.

    An infinite scalar may be a bound to clip at, and a tensor of nothing but 0 and -inf is an attention mask.
    """
    for name, values in weights:
        if not np.issubdtype(values.dtype, np.floating):
            continue
        bad = values[~np.isfinite(values)]
        if bad.size and not _is_mask_or_bound(values, bad):
            raise RefusedInput(
                f"weight '{name}' is not finite: {np.isnan(bad).sum()} NaN and {np.isinf(bad).sum()} infinite "
                f"of {values.size} values",
                where=str(where),
                allowed="finite weights; masks of 0 and -inf",
                todo="the training diverged or the file is damaged: export the model again from a good checkpoint",
            )


def _is_mask_or_bound(values: NDArray[Any], bad: NDArray[Any]) -> bool:
    if np.isnan(bad).any():
        return False
    return values.size == 1 or bool((np.isneginf(bad)).all() and not values[np.isfinite(values)].any())
