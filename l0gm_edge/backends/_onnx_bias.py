"""Bias correction of ONNX layers (Nagel et al. 2019, arXiv 1906.04721): int8 shifts the mean of what a layer gives.

The shift is measured on samples, and taken off the bias: layer by layer, each behind those that are corrected already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from l0gm_edge.backends import _onnx_file, _onnx_layers
from l0gm_edge.backends import _onnx_pairs as pairs


@dataclass(frozen=True)
class _Biased:
    """A layer by its node's name, its bias, and the axis of its outputs that the bias is along."""

    layer: str
    bias: str
    axis: int


def corrected(
    model: onnx.ModelProto, layers: Collection[str], found: pairs.Ranges, samples: Sequence[pairs.Sample]
) -> onnx.ModelProto:
    """A copy whose layers, with these of them and their glue in int8, give on average what they give in float."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    biased = list(_biased(copy, layers))
    quantized = _onnx_layers.with_glue(copy, layers)
    wanted = _means(copy, biased, samples)
    tensors = {tensor.name: tensor for tensor in copy.graph.initializer}
    for one in biased:
        given = _means(pairs.with_pairs(copy, quantized, found), [one], samples)
        shifted = numpy_helper.to_array(tensors[one.bias]) + (wanted[one.layer] - given[one.layer])
        tensors[one.bias].CopyFrom(numpy_helper.from_array(shifted.astype(np.float32), one.bias))
    return copy


def _biased(model: onnx.ModelProto, layers: Collection[str]) -> Iterator[_Biased]:
    """The layers among these that have a bias of their own, in the order of the graph."""
    constants = _onnx_file.weights(model)
    uses = [name for node in model.graph.node for name in node.input]
    readers = {name: node for node in model.graph.node for name in node.input}
    for node in _onnx_layers.heavy(model):
        bias = node.input[2] if len(node.input) > 2 else ""
        after = readers.get(node.output[0])
        if node.op_type == "MatMul" and after is not None and after.op_type == "Add":
            bias = next((name for name in after.input if len(constants.get(name, ())) == 1), "")
        if node.name in layers and bias in constants and uses.count(bias) == 1:
            yield _Biased(node.name, bias, axis=1 if node.op_type == "Conv" else -1)


def _means(
    model: onnx.ModelProto, biased: Sequence[_Biased], samples: Sequence[pairs.Sample]
) -> dict[str, NDArray[np.float64]]:
    """The mean, over samples and places, of every channel of what these layers give."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    output = {node.name: node.output[0] for node in watched.graph.node}
    del watched.graph.output[:]
    watched.graph.output.extend(
        helper.make_tensor_value_info(output[one.layer], TensorProto.FLOAT, None) for one in biased
    )
    running = pairs.session(watched, optimized=False)
    totals: dict[str, NDArray[np.float64]] = {}
    for sample in samples:
        for one, values in zip(biased, running.run(None, sample), strict=True):
            totals[one.layer] = totals.get(one.layer, np.zeros(1)) + _channels(values, one.axis)
    return {layer: total / len(samples) for layer, total in totals.items()}


def _channels(values: NDArray[Any], axis: int) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.moveaxis(values.astype(np.float64), axis, -1).reshape(-1, values.shape[axis]).mean(0)
    return mean
