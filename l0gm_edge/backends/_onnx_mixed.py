"""Which layers of an ONNX graph bear int8: the noise that each brings alone, and the most work within a limit of noise.

As a child process it measures every layer. Arguments: SOURCE CALIBRATION OUTPUT.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from l0gm_edge.backends import (
    Samples,
    Sensitivities,
    Sensitivity,
    _calibration_file,
    _onnx_equalize,
    _onnx_file,
    _onnx_layers,
)
from l0gm_edge.backends import _onnx_pairs as pairs
from l0gm_edge.core import store
from l0gm_edge.core.allocate import Option, cheapest
from l0gm_edge.core.errors import ExportFailed
from l0gm_edge.core.recipe import Quantize

FLOAT, INT8 = "float", "int8"
INT8_COST = 0.5  # of what a layer that gains from int8 takes in float; only that it is less than 1 decides
Outputs = list[NDArray[Any]]


def mixed_int8(source: Path, calibration: Samples, settings: Quantize) -> onnx.ModelProto:
    """Int8 in the layers that gain from it, less the most sensitive ones: outputs stay `min_sqnr_db` above the noise.

    Noise of layers is taken to add up; where together they bring more, the limit for their sum is halved and the choice
    made again. Raises ExportFailed when no layer can be quantized within the limit.
    """
    samples = _calibration_file.rows(calibration)
    model = settled(_onnx_layers.named(_onnx_file.read(source)), samples, settings)
    found = pairs.ranges(model, samples, settings)
    few = spread(samples, settings.subset_size)
    nodes = (*_onnx_layers.worthwhile(model), *_onnx_layers.tables(model))
    measured = sensitivities(model, nodes, found, few)
    plain = outputs(model, few)
    allowed = 10 ** (-settings.min_sqnr_db / 10)
    limit = allowed
    while layers := _chosen(measured, limit):
        mixed = pairs.with_pairs(model, _onnx_layers.with_glue(model, layers), found)
        if noise(outputs(mixed, few), plain) <= allowed:
            return mixed
        limit /= 2
    raise ExportFailed(
        f"no layer can be quantized so that the outputs stay {settings.min_sqnr_db:g} dB above the noise",
        where=str(source),
        todo="lower quantize.min_sqnr_db, or drop the scheme from the hardware profile",
    )


def settled(model: onnx.ModelProto, samples: Sequence[pairs.Sample], settings: Quantize) -> onnx.ModelProto:
    """The model, or its equalized twin where that is asked for and brings less noise in int8."""
    if not settings.equalize:
        return model
    few = spread(samples, settings.subset_size)
    plain = outputs(model, few)

    def noisy(one: onnx.ModelProto) -> float:
        layers = _onnx_layers.with_glue(one, {node.name for node in _onnx_layers.worthwhile(one)})
        return noise(outputs(pairs.with_pairs(one, layers, pairs.ranges(one, samples, settings)), few), plain)

    return min(model, _onnx_equalize.equalized(model), key=noisy)


def sensitivities(
    model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto], found: pairs.Ranges, samples: Sequence[pairs.Sample]
) -> tuple[Sensitivity, ...]:
    """The noise in the outputs when each of these layers alone, with the glue behind it, is in int8."""
    plain = outputs(model, samples)
    heavy = {node.name for node in _onnx_layers.heavy(model)}
    return tuple(
        Sensitivity(
            layer=node.name,
            op=node.op_type,
            multiplications=_onnx_layers.multiplications(model, node) if node.name in heavy else 0,
            noise=noise(
                outputs(pairs.with_pairs(model, _onnx_layers.with_glue(model, {node.name}), found), samples), plain
            ),
        )
        for node in nodes
    )


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
    at = np.linspace(0, len(samples) - 1, min(most, len(samples))).round().astype(int)
    return [samples[number] for number in at]


def _noise(found: NDArray[Any], expected: NDArray[Any]) -> float:
    lost = float(np.square(found.astype(np.float64) - expected).sum())
    power = float(np.square(expected.astype(np.float64)).sum())
    return lost / power if power else (math.inf if lost else 0.0)


def _chosen(measured: Iterable[Sensitivity], limit: float) -> set[str]:
    """The layers to quantize: the most multiplications within the limit."""
    parts = {}
    for one in measured:
        cost = float(one.multiplications or 1)
        int8 = [Option(name=INT8, cost=INT8_COST * cost, error=one.noise)] if one.noise <= limit else []
        parts[one.layer] = [Option(name=FLOAT, cost=cost, error=0.0), *int8]
    return {layer for layer, option in cheapest(parts, limit).items() if option.name == INT8}


def main(source: str, calibration: str, output: str) -> None:
    """Measure every heavy layer and every embedding of one model."""
    inputs, settings = _calibration_file.read(Path(calibration))
    model = _onnx_layers.named(_onnx_file.read(Path(source)))
    samples = _calibration_file.rows(inputs)
    found = pairs.ranges(model, samples, settings)
    nodes = (*_onnx_layers.heavy(model), *_onnx_layers.tables(model))
    layers = sensitivities(model, nodes, found, spread(samples, settings.subset_size))
    store.write_value(Path(output), Sensitivities(layers=layers))


if __name__ == "__main__":
    main(*sys.argv[1:])
