"""Cross-layer equalization of ONNX weights (Nagel et al. 2019): the same function, with units of like size.

What one layer gives on a channel is divided by a factor, and what the next one makes of it multiplied. A ReLU or a pool
between them does not mind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from l0gm_edge.backends import _onnx_file, _onnx_layers

SWEEPS = 50
SETTLED = 1e-3  # the largest change of a factor, as a share, after which sweeps end
_ALONG = {"Conv": ("Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool"), "linear": ("Relu", "LeakyRelu")}


@dataclass(frozen=True)
class _Pair:
    """Two layers in a row: weights and their axis of the channels between them, and the first one's bias, if any."""

    first: str
    first_axis: int
    bias: str | None
    second: str
    second_axis: int


def equalized(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which layers that follow each other have channels of equal largest weights, and equal outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    pairs = list(_pairs(copy))
    tensors = {tensor.name: tensor for tensor in copy.graph.initializer}
    names = {name for pair in pairs for name in (pair.first, pair.bias, pair.second) if name}
    values = {name: numpy_helper.to_array(tensors[name]).astype(np.float64) for name in names}
    for _ in range(SWEEPS):
        if max((_balance(values, pair) for pair in pairs), default=0.0) < SETTLED:
            break
    for name in sorted(names):
        tensors[name].CopyFrom(numpy_helper.from_array(values[name].astype(np.float32), name))
    return copy


def _balance(values: dict[str, NDArray[np.float64]], pair: _Pair) -> float:
    """Scale the channels between two layers; the largest change, as a share."""
    given, read = _sizes(values[pair.first], pair.first_axis), _sizes(values[pair.second], pair.second_axis)
    alive = (given > 0) & (read > 0)
    factors = np.sqrt(np.divide(given, read, out=np.ones_like(given), where=alive))
    values[pair.first] = values[pair.first] / _shaped(factors, values[pair.first], pair.first_axis)
    values[pair.second] = values[pair.second] * _shaped(factors, values[pair.second], pair.second_axis)
    if pair.bias is not None:
        values[pair.bias] = values[pair.bias] / factors
    return float(np.abs(factors - 1).max())


def _sizes(weights: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    sizes: NDArray[np.float64] = np.abs(np.moveaxis(weights, axis, 0)).reshape(weights.shape[axis], -1).max(1)
    return sizes


def _shaped(factors: NDArray[np.float64], weights: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    return factors.reshape([-1 if at == axis else 1 for at in range(weights.ndim)])


def _pairs(model: onnx.ModelProto) -> Iterator[_Pair]:
    """Layers in a row of which everything between is read once, and whose weights are nobody else's."""
    constants = _onnx_file.weights(model)
    uses = Counter(name for node in model.graph.node for name in node.input)
    uses.update(output.name for output in model.graph.output)
    readers = {name: node for node in model.graph.node for name in node.input}

    def own(name: str, dimensions: int) -> bool:
        return uses[name] == 1 and len(constants.get(name, ())) == dimensions

    def after(name: str) -> onnx.NodeProto | None:
        return readers.get(name) if uses[name] == 1 else None

    for node in _onnx_layers.heavy(model):
        kind = "Conv" if node.op_type == "Conv" else "linear"
        if not own(node.input[1], _dimensions(node, constants)) or _flag(node, "transA"):
            continue
        bias = node.input[2] if len(node.input) > 2 and node.input[2] else None
        reader = after(node.output[0])
        if node.op_type == "MatMul" and reader is not None and reader.op_type == "Add":
            bias = next((name for name in reader.input if name in constants), None)
            reader = after(reader.output[0]) if bias is not None else None
        channels = constants[node.input[1]][_given(node)]
        if bias is not None and not (own(bias, 1) and constants[bias] == (channels,)):
            continue
        while reader is not None and reader.op_type in _ALONG[kind]:
            reader = after(reader.output[0])
        if reader is not None and _same_kind(kind, reader) and own(reader.input[1], _dimensions(reader, constants)):
            read = _read(reader)
            if constants[reader.input[1]][read] == channels and not _flag(reader, "transA"):
                yield _Pair(node.input[1], _given(node), bias, reader.input[1], read)


def _same_kind(kind: str, node: onnx.NodeProto) -> bool:
    ungrouped = all(one.name != "group" or one.i == 1 for one in node.attribute)
    return ungrouped if kind == "Conv" == node.op_type else kind == "linear" and node.op_type in _onnx_layers.LINEAR


def _dimensions(node: onnx.NodeProto, constants: dict[str, tuple[int, ...]]) -> int:
    return len(constants.get(node.input[1], ())) if node.op_type == "Conv" else 2


def _given(node: onnx.NodeProto) -> int:
    """The axis of a weight that counts what the layer gives."""
    return 0 if node.op_type == "Conv" or _flag(node, "transB") else 1


def _read(node: onnx.NodeProto) -> int:
    """The axis of a weight that counts what the layer reads."""
    return 1 - _given(node)


def _flag(node: onnx.NodeProto, name: str) -> bool:
    return any(one.name == name and one.i for one in node.attribute)
