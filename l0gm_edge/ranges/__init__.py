"""Ranges of activations from a calibration set, the same for every runtime. Each public file here is one way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from l0gm_edge.core import plugins
from l0gm_edge.core.errors import DataError
from l0gm_edge.core.recipe import Quantize

Range = tuple[float, float]
"""The lowest and the highest value that is kept apart; what lies outside is clipped."""
Values = NDArray[np.float32]


class Calibrator(Protocol):
    """The range of one tensor in the making, in bounded memory."""

    def add(self, values: Values) -> None:
        """Look at the values of one run: at least one, flat and finite."""

    @property
    def range(self) -> Range:
        """The range that fits what was seen; asked for after at least one run."""


class CalibratorPlugin(Protocol):
    """What a file of this folder defines."""

    def create(self, total: int, settings: Quantize) -> Calibrator:
        """Begin with a tensor of which `total` values, those of all runs, will be seen."""


def plugin(name: str) -> CalibratorPlugin:
    """The way to find ranges of this name. Raises RecipeError when there is none."""
    return cast(CalibratorPlugin, plugins.load(__name__, name))


def unclipped(settings: Quantize) -> Quantize:
    """The settings for 16-bit activations: with 65 536 values to tell apart, clipping costs more than it gains."""
    return settings.model_copy(update={"ranges": "min_max"})


def observe(runs: Iterable[Mapping[str, NDArray[Any]]], count: int, settings: Quantize) -> dict[str, Range]:
    """The range of every named tensor over `count` runs, each of which gives every tensor in its full shape.

    Empty tensors have no range, nor have those that hold minus infinity, as masks do and what a maximum is taken of.
    Raises RecipeError when there is no such way to find ranges, DataError when there is no run or another value is not
    finite.
    """
    way = plugin(settings.ranges)
    calibrators: dict[str, Calibrator] = {}
    endless: set[str] = set()
    seen = False
    for tensors in runs:
        seen = True
        for name, values in tensors.items():
            flat = values.ravel().astype(np.float32, copy=False)
            finite = np.isfinite(flat)
            if not finite.all():
                if np.isneginf(flat[~finite]).all():
                    endless.add(name)
                    continue
                raise DataError(
                    f"tensor {name} holds NaN or infinity on the calibration set",
                    where="calibration set",
                    allowed="rows on which every activation is finite, or minus infinity",
                )
            if name not in calibrators and flat.size:
                calibrators[name] = way.create(flat.size * count, settings)
            if flat.size:
                calibrators[name].add(flat)
    if not seen:
        raise DataError("the calibration set is empty", allowed="at least one row for every input")
    return {name: calibrator.range for name, calibrator in calibrators.items() if name not in endless}
