"""The layers of an ONNX graph as quantization sees them: which are heavy, which gain from int8, what lies between."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping

import onnx

from l0gm_edge.backends import _onnx_file

LINEAR = ("Gemm", "MatMul")
TABLE = "Gather"  # an embedding: no faster in 8 bits, but often most of the file
# Cheap to run on 8-bit values, so that neighbouring heavy operators need no conversion in between.
GLUE = ("Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean", "Concat")
# Behind an int8 layer it goes into the range of what that gives; anywhere else it would only be converted around.
BOUND = "Clip"
# Below these sizes, and in depthwise convolutions, int8 is slower than float (x86 with VNNI, one thread, batch 1):
# benchmarks/results/presets-layers.md, docs/decisions/0004-quantization-presets.md.
SMALLEST_INPUT_CHANNELS = 8
SMALLEST_OUTPUT_CHANNELS = 16
SMALLEST_LINEAR_WEIGHTS = 192 * 192
FLOAT_MODULES = "router"  # a rounding error there changes which experts answer


def named(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with inferred shapes, in which every node has a name of its own: names are how layers are chosen."""
    copy = onnx.shape_inference.infer_shapes(model)
    taken = Counter(node.name for node in copy.graph.node)
    for number, node in enumerate(copy.graph.node):
        if not node.name or taken[node.name] > 1:
            node.name = f"{node.name or node.op_type}#{number}"
    return copy


def heavy(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Convolutions and linear layers with constant weights, routers apart."""
    constants = _onnx_file.weights(model)
    return [
        node
        for node in model.graph.node
        if node.op_type in ("Conv", *LINEAR) and node.input[1] in constants and FLOAT_MODULES not in node.name
    ]


def worthwhile(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The heavy layers that int8 makes faster; where none is large enough, all of them, for the size of the file."""
    constants = _onnx_file.weights(model)
    layers = heavy(model)
    return [node for node in layers if _gains(node, constants)] or layers


def look_ups(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Look-ups in constants and in what was computed."""
    return [node for node in model.graph.node if node.op_type == TABLE]


def tables(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Look-ups in constants."""
    constants = _onnx_file.weights(model)
    return [node for node in look_ups(model) if node.input[0] in constants]


def glue(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """What is cheap in 8 bits and stands between heavy layers."""
    return [node for node in model.graph.node if node.op_type in GLUE]


def with_glue(model: onnx.ModelProto, layers: Collection[str]) -> list[str]:
    """These layers, by name, and the glue and bounds that read only what they give, in the order of the graph."""
    constants = _onnx_file.weights(model)
    given: set[str] = set()
    taken = []
    for node in model.graph.node:
        read = [name for name in node.input if name and name not in constants]
        if node.name in layers or (node.op_type in (*GLUE, BOUND) and read and given.issuperset(read)):
            taken.append(node.name)
            given.update(node.output)
    return taken


def multiplications(model: onnx.ModelProto, node: onnx.NodeProto) -> int:
    """What a heavy layer multiplies for one inference, from the shape of what it gives; 0 where that is not known."""
    values = (*model.graph.value_info, *model.graph.output)
    shapes: dict[str, tuple[int, ...]] = {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim) for value in values
    }
    weight, given = _onnx_file.weights(model)[node.input[1]], math.prod(shapes.get(node.output[0], (0,)))
    if node.op_type == "Conv":
        return given * math.prod(weight[1:])
    turned = any(one.name == "transB" and one.i for one in node.attribute)
    return given * (weight[-1] if turned else weight[-2])


def _gains(node: onnx.NodeProto, constants: Mapping[str, tuple[int, ...]]) -> bool:
    shape = constants[node.input[1]]
    if node.op_type == "Conv":
        return shape[0] >= SMALLEST_OUTPUT_CHANNELS and shape[1] >= SMALLEST_INPUT_CHANNELS
    return math.prod(shape) >= SMALLEST_LINEAR_WEIGHTS
