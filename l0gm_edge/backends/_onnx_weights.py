"""ONNX files whose weights alone are small: computed in 32-bit floats, no calibration, in standard operators.

ONNX Runtime turns `DequantizeLinear` before a linear layer into its own `MatMulNBits` when it loads the file, provided
that the weight stands as (inputs, outputs).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from l0gm_edge.backends import _onnx_file

BLOCK = 32
"""Inputs that share a scale in 4 bits: what the kernels for it are written for."""
LARGEST_FP16 = 65504.0
_BITS4_OPSET = 21
Weights = NDArray[np.float32]


def fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights and tables are 16-bit floats, cast when the file is loaded; those too large for it stay."""
    small = onnx.ModelProto()
    small.CopyFrom(model)
    casts = []
    for tensor in small.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max(initial=0.0) > LARGEST_FP16:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/fp16"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], f"{name}/cast", to=onnx.TensorProto.FLOAT))
    return _with_nodes(small, [*casts, *small.graph.node])


def integers(model: onnx.ModelProto, linear: Iterable[onnx.NodeProto], bits: int) -> onnx.ModelProto:
    """A copy in which these linear layers have weights of 8 bits, a scale an output, or of 4, a scale `BLOCK` inputs.

    Embeddings get 8 bits, a scale a column. Weights that are not matrices stay as they are.
    """
    small = onnx.ModelProto()
    small.CopyFrom(_onnx_file.at_opset(model, _BITS4_OPSET) if bits == 4 else model)
    constants = {tensor.name: tensor for tensor in small.graph.initializer}
    layers = {node.name for node in linear}
    nodes: list[onnx.NodeProto] = []
    for node in small.graph.node:
        if node.name in layers and len(constants[node.input[1]].dims) == 2:
            nodes += _layer(small.graph, node, constants[node.input[1]], bits)
        elif _is_table(node, constants):
            nodes += _table(small.graph, node, constants[node.input[0]])
        else:
            nodes.append(node)
    return _without_unused(_with_nodes(small, nodes))


def quantized(weights: Weights, bits: int, block: int) -> tuple[NDArray[np.int8], Weights]:
    """Symmetric integers (inputs, outputs) and a scale for every `block` inputs of an output (blocks, outputs)."""
    inputs, outputs = weights.shape
    blocks = -(-inputs // block)
    padded = np.zeros((blocks * block, outputs), np.float32)
    padded[:inputs] = weights
    parts = padded.reshape(blocks, block, outputs)
    largest = 2 ** (bits - 1) - 1
    scales = (np.abs(parts).max(1) / largest).astype(np.float32)
    scales[scales == 0] = 1.0
    whole = np.clip(np.rint(parts / scales[:, None]), -largest, largest)
    return whole.reshape(padded.shape)[:inputs].astype(np.int8), scales


def _is_table(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    """Whether a node looks rows up in a constant matrix of floats."""
    table = constants.get(node.input[0]) if node.op_type == "Gather" else None
    by_row = all(attribute.name != "axis" or attribute.i == 0 for attribute in node.attribute)
    return table is not None and by_row and len(table.dims) == 2 and table.data_type == onnx.TensorProto.FLOAT


def _layer(
    graph: onnx.GraphProto, node: onnx.NodeProto, weight: onnx.TensorProto, bits: int
) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    values = numpy_helper.to_array(weight)
    turned = [attribute for attribute in node.attribute if attribute.name == "transB" and attribute.i]
    for attribute in turned:
        values = values.T
        node.attribute.remove(attribute)
    whole, scales = quantized(values, bits, BLOCK if bits == 4 else len(values))
    name = f"{node.name}/int{bits}"
    graph.initializer.append(_bits4(whole, name) if bits == 4 else numpy_helper.from_array(whole, name))
    graph.initializer.append(numpy_helper.from_array(scales if bits == 4 else scales[0], f"{name}/scale"))
    read = helper.make_node("DequantizeLinear", [name, f"{name}/scale"], [f"{name}/float"], name, axis=int(bits == 8))
    if bits == 4:
        read.attribute.append(helper.make_attribute("block_size", BLOCK))
    node.input[1] = f"{name}/float"
    return read, node


def _table(
    graph: onnx.GraphProto, node: onnx.NodeProto, table: onnx.TensorProto
) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    values = numpy_helper.to_array(table)
    whole, scales = quantized(values, 8, len(values))
    name = f"{node.name}/int8"
    graph.initializer.append(numpy_helper.from_array(whole, name))
    graph.initializer.append(numpy_helper.from_array(scales[0], f"{name}/scale"))
    found = node.output[0]
    node.input[0], node.output[0] = name, f"{name}/rows"
    return node, helper.make_node("DequantizeLinear", [f"{name}/rows", f"{name}/scale"], [found], name, axis=-1)


def _bits4(whole: NDArray[np.int8], name: str) -> onnx.TensorProto:
    """Two values a byte, the first one in the low half."""
    halves = np.append(whole.ravel(), np.zeros(whole.size % 2, np.int8)).astype(np.uint8) & 0xF
    packed = (halves[0::2] | (halves[1::2] << 4)).astype(np.uint8)
    return helper.make_tensor(name, onnx.TensorProto.INT4, whole.shape, packed.tobytes(), raw=True)


def _with_nodes(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> onnx.ModelProto:
    kept = list(nodes)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    model.graph.ClearField("node")
    model.graph.node.extend(copies)
    return model


def _without_unused(model: onnx.ModelProto) -> onnx.ModelProto:
    used = {name for node in model.graph.node for name in node.input} | {one.name for one in model.graph.output}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    copies = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
    model.graph.ClearField("initializer")
    model.graph.initializer.extend(copies)
    return model
