"""Which layers of an ONNX graph bear int8: the noise that each brings alone, and the most work within a limit of noise.

As a child process it measures every layer. Arguments: SOURCE CALIBRATION OUTPUT.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import onnx

from l0gm_edge.backends import (
    FLOAT,
    STATIC,
    Samples,
    Sensitivities,
    Sensitivity,
    _calibration_file,
    _onnx_file,
    _onnx_layers,
)
from l0gm_edge.backends import _onnx_pairs as pairs
from l0gm_edge.backends._onnx_noise import noise, outputs, spread
from l0gm_edge.backends._onnx_settled import settled
from l0gm_edge.core import store
from l0gm_edge.core.allocate import Option, cheapest
from l0gm_edge.core.errors import ExportFailed
from l0gm_edge.core.recipe import Quantize

INT8_COST = 0.5  # of what a layer that gains from int8 takes in float; only that it is less than 1 decides


def mixed_int8(source: Path, calibration: Samples, settings: Quantize) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """Int8 in the layers that gain from it, less the most sensitive ones: outputs stay `min_sqnr_db` above the noise.

    What gains is judged by size: for where no device tells. Noise of layers is taken to add up; where together they
    bring more, the limit for their sum is halved and the choice made again. With the model come notes on how layers
    were settled. Raises ExportFailed when no layer can be quantized within the limit.
    """
    samples = _calibration_file.rows(calibration)
    plain = _onnx_layers.named(_onnx_file.read(source))
    gaining = [node.name for node in _onnx_layers.worthwhile(plain)]
    model, notes = settled(plain, gaining, samples, settings)
    found = pairs.ranges(model, samples, settings)
    few = spread(samples, settings.subset_size)
    nodes = (*_onnx_layers.worthwhile(model), *_onnx_layers.tables(model))
    measured = sensitivities(model, nodes, found, few)
    expected = outputs(model, few)
    allowed = 10 ** (-settings.min_sqnr_db / 10)
    limit = allowed
    while layers := _chosen(measured, limit):
        mixed = pairs.with_pairs(model, _onnx_layers.with_glue(model, layers), found)
        if noise(outputs(mixed, few), expected) <= allowed:
            return mixed, notes
        limit /= 2
    raise ExportFailed(
        f"no layer can be quantized so that the outputs stay {settings.min_sqnr_db:g} dB above the noise",
        where=str(source),
        todo="lower quantize.min_sqnr_db, or drop the scheme from the hardware profile",
    )


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


def _chosen(measured: Iterable[Sensitivity], limit: float) -> set[str]:
    """The layers to quantize: the most multiplications within the limit."""
    parts = {}
    for one in measured:
        cost = float(one.multiplications or 1)
        int8 = [Option(name=STATIC, cost=INT8_COST * cost, error=one.noise)] if one.noise <= limit else []
        parts[one.layer] = [Option(name=FLOAT, cost=cost, error=0.0), *int8]
    return {layer for layer, option in cheapest(parts, limit).items() if option.name == STATIC}


def main(source: str, calibration: str, output: str) -> None:
    """Measure every heavy layer and every embedding of one model."""
    inputs, settings = _calibration_file.read(Path(calibration))
    samples = _calibration_file.rows(inputs)
    plain = _onnx_layers.named(_onnx_file.read(Path(source)))
    gaining = [node.name for node in _onnx_layers.worthwhile(plain)]
    model, _ = settled(plain, gaining, samples, settings.model_copy(update={"correct_bias": False}))
    found = pairs.ranges(model, samples, settings)
    nodes = (*_onnx_layers.heavy(model), *_onnx_layers.tables(model))
    layers = sensitivities(model, nodes, found, spread(samples, settings.subset_size))
    store.write_value(Path(output), Sensitivities(layers=layers))


if __name__ == "__main__":
    main(*sys.argv[1:])
