"""What a quantizing child is told, as one .npz file: calibration samples by input name, and the settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l0gm_edge.backends import ModelFacts, Samples
from l0gm_edge.core import arrays
from l0gm_edge.core.errors import DataError
from l0gm_edge.core.recipe import Quantize

_SETTINGS = "settings json"  # holds a space, so no input of a Python function can have this name


def write(path: Path, calibration: Samples, settings: Quantize) -> None:
    """Write samples and settings; nothing is pickled."""
    document = np.frombuffer(settings.model_dump_json().encode(), np.uint8)
    arrays.write(path, {_SETTINGS: document, **calibration})


def read(path: Path) -> tuple[Samples, Quantize]:
    """What `write` wrote."""
    with np.load(path, allow_pickle=False) as held:
        settings = Quantize.model_validate_json(held[_SETTINGS].tobytes())
        return {name: held[name] for name in held.files if name != _SETTINGS}, settings


def rows(calibration: Samples) -> list[dict[str, np.ndarray]]:
    """The samples one by one, each with a batch axis of 1."""
    count = len(next(iter(calibration.values()), ()))
    return [{name: values[row : row + 1] for name, values in calibration.items()} for row in range(count)]


def spread(count: int, most: int) -> list[int]:
    """At most this many of `count` rows, evenly spaced."""
    return [int(row) for row in np.linspace(0, count - 1, min(most, count)).round()]


def require_fit(calibration: Samples, facts: ModelFacts) -> None:
    """Raise DataError unless the samples have the model's inputs, in its shapes, and equally many rows of each."""
    wanted = {spec.name: spec.shape[1:] for spec in facts.inputs}
    found = {name: values.shape[1:] for name, values in calibration.items()}
    if found != wanted:
        raise DataError(
            f"the calibration set does not fit the model: found {found}", where="calibration set", allowed=str(wanted)
        )
    counts = {name: len(values) for name, values in calibration.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise DataError(
            f"the calibration set has {counts} rows",
            where="calibration set",
            allowed="as many of each input, 1 or more",
        )
