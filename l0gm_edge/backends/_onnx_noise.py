"""What quantization does to the outputs of an ONNX graph: the power of the noise over that of the outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from l0gm_edge.backends import _calibration_file
from l0gm_edge.backends import _onnx_pairs as pairs

Outputs = list[NDArray[Any]]


def outputs(model: onnx.ModelProto, samples: Sequence[pairs.Sample]) -> Outputs:
    """Every float output over all samples."""
    running = pairs.session(model)
    names = [output.name for output in running.get_outputs() if output.type == "tensor(float)"]
    rows = [running.run(names, sample) for sample in samples]
    return [np.concatenate([row[at].ravel() for row in rows]) for at in range(len(names))]


def noise(found: Outputs, expected: Outputs) -> float:
    """The power of the difference over that of what was expected; of several outputs, the worst."""
    return max((_noise(*both) for both in zip(found, expected, strict=True)), default=0.0)


def spread(samples: Sequence[pairs.Sample], most: int) -> list[pairs.Sample]:
    """At most this many samples, evenly spaced."""
    return [samples[row] for row in _calibration_file.spread(len(samples), most)]


def _noise(found: NDArray[Any], expected: NDArray[Any]) -> float:
    lost = float(np.square(found.astype(np.float64) - expected).sum())
    power = float(np.square(expected.astype(np.float64)).sum())
    return lost / power if power else (math.inf if lost else 0.0)
