"""What TensorRT 10 and 11 will not take, found in an ONNX file before any device sees it: one function a rule.

Sources: onnx-tensorrt's operators.md of TensorRT 10.15, NVIDIA's pages on Quantize and Dequantize, and what the parser
of TensorRT-RTX 1.7 answers to the graphs of tests/builders/tensorrt_graphs.py. A rule may be stricter than one parser.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import onnx
from onnx import TensorProto

from l0gm_edge.backends._tensorrt_graph import DEFAULT_DOMAINS, Graph, argument, attribute, label, type_name
from l0gm_edge.core.problem import Problem

OPSETS = range(9, 25)
LARGEST_K = 3840
SIGNED = frozenset({TensorProto.INT8, TensorProto.INT4, TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT4E2M1})
TENSORS = SIGNED | {
    *(TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16),
    *(TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL, TensorProto.UINT8),
}
# Arguments that must stand in the file, by operator: which input.
FIXED = {"TopK": 1, "CumSum": 1, "OneHot": 1}
_UNSUPPORTED = """
AffineGrid Bernoulli BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im Compress
ConcatFromSequence ConvInteger DFT Det DynamicQuantizeLinear ImageDecoder MatMulInteger MaxRoiPool MaxUnpool
MelWeightMatrix Multinomial NegativeLogLikelihoodLoss Optional OptionalGetElement OptionalHasElement QLinearConv
QLinearMatMul RegexFullMatch SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
SequenceLength SequenceMap SoftmaxCrossEntropyLoss StringConcat StringNormalizer StringSplit TfIdfVectorizer
Unique
"""
UNSUPPORTED = frozenset(_UNSUPPORTED.split())

Rule = Callable[[Graph], Iterator[Problem]]


def lint(model: onnx.ModelProto) -> tuple[Problem, ...]:
    """Every problem of a model, rule by rule; empty when TensorRT 10 and 11 should take it."""
    graph = Graph(model)
    return tuple(problem for rule in RULES for problem in rule(graph))


def opset(graph: Graph) -> Iterator[Problem]:
    """The standard operators are of a version that the parsers know."""
    version = max((graph.opsets[domain] for domain in DEFAULT_DOMAINS if domain in graph.opsets), default=0)
    if version not in OPSETS:
        allowed = f"export with opset {OPSETS[0]} to {OPSETS[-1]}, 20 is safest"
        yield Problem(rule="opset", node="model", what=f"its operator set is {version}", todo=allowed)


def operator(graph: Graph) -> Iterator[Problem]:
    """Every operator is a standard one that TensorRT has."""
    for node in graph.nodes:
        if node.domain not in DEFAULT_DOMAINS:
            todo = "write it in standard ONNX operators; int4 weights as DequantizeLinear before MatMul"
            yield _problem(operator, node, f"{node.domain}.{node.op_type} is no standard operator", todo)
        elif node.op_type in UNSUPPORTED:
            todo = "replace it; integer arithmetic is QuantizeLinear and DequantizeLinear around float operators"
            yield _problem(operator, node, f"TensorRT has no {node.op_type}", todo)


def tensor_type(graph: Graph) -> Iterator[Problem]:
    """Every tensor is of a type that TensorRT has; 64-bit floats would be narrowed in silence."""
    names = [value.name for value in graph.inputs] + [name for node in graph.nodes for name in node.output]
    quantized = {name for one in graph.quantizers() for name in one.node.input[2:]} | {
        one.node.output[0] if one.node.op_type == "QuantizeLinear" else one.node.input[0] for one in graph.quantizers()
    }
    for name in dict.fromkeys([*names, *graph.constants]):
        kind = graph.kind(name)
        if kind is not None and kind not in TENSORS and name not in quantized:  # those have rules of their own
            what = f"it is {type_name(kind)}"
            yield Problem(rule="tensor-type", node=name, what=what, todo="cast to float32, float16, int32 or int64")


def rank(graph: Graph) -> Iterator[Problem]:
    """Every input and output has a known number of axes."""
    for name in [value.name for value in (*graph.inputs, *graph.outputs)]:
        if graph.shape(name) is None:
            todo = "export with example inputs of a fixed rank; axes may be free, their number may not"
            yield Problem(rule="rank", node=name, what="its rank is unknown", todo=todo)


def fixed_argument(graph: Graph) -> Iterator[Problem]:
    """The k of TopK and its like stand in the file."""
    for node in graph.nodes:
        index = 1 if node.op_type.startswith("Reduce") else FIXED.get(node.op_type)
        name = argument(node, index) if index is not None else ""
        if name and node.domain in DEFAULT_DOMAINS and name not in graph.constants:
            todo = "make it a constant of the model, or fold constants before export"
            yield _problem(fixed_argument, node, f"its input {index} '{name}' is computed", todo)


def largest_k(graph: Graph) -> Iterator[Problem]:
    """TopK takes no more than 3840 values."""
    for node in graph.of("TopK"):
        k = graph.value(argument(node, 1))
        if k is not None and k.size == 1 and int(k.item()) > LARGEST_K:
            yield _problem(largest_k, node, f"k is {int(k.item())}", f"at most {LARGEST_K}; select in two steps")


def control_flow(graph: Graph) -> Iterator[Problem]:
    """No branch or loop hangs on what the inputs hold."""
    for node in graph.of("If", "Loop", "Scan"):
        deciding = [argument(node, index) for index in range({"If": 1, "Loop": 2, "Scan": 0}[node.op_type])]
        if any(name and graph.moves(name) for name in deciding):
            todo = "compute both sides and choose with Where, or fix the number of turns"
            yield _problem(control_flow, node, f"{node.op_type} hangs on the values of the inputs", todo)


def data_shape(graph: Graph) -> Iterator[Problem]:
    """No tensor's size hangs on what the inputs hold."""
    for node in graph.of("NonZero"):
        if graph.moves(argument(node, 0)):
            yield _problem(data_shape, node, "how much it gives hangs on its values", "use a mask of a fixed shape")


def symmetric(graph: Graph) -> Iterator[Problem]:
    """Quantized values are signed; uint8 with a zero point of 0 would be read as int8, in silence."""
    for node, kind in graph.quantizers():
        if kind is not None and kind not in SIGNED and kind != TensorProto.INT32:  # int32 is a bias: a rule of its own
            todo = "quantize symmetrically to int8"
            yield _problem(symmetric, node, f"it quantizes to {type_name(kind)}", todo)
        if kind is None and node.op_type == "QuantizeLinear":
            yield _problem(symmetric, node, "it quantizes to uint8, the default", "give it an int8 zero point of 0")


def zero_point(graph: Graph) -> Iterator[Problem]:
    """Every zero point is 0."""
    for node, _ in graph.quantizers():
        name = argument(node, 2)
        value = graph.value(name) if name else np.zeros(1)
        if value is None:
            yield _problem(zero_point, node, "its zero point does not stand in the file", "make it a constant 0")
        elif np.any(value.astype(np.float32) != 0):
            yield _problem(zero_point, node, "its zero point is not 0", "quantize symmetrically")


def scale(graph: Graph) -> Iterator[Problem]:
    """Every scale is a constant, positive and finite; an activation has a single one."""
    for node, _ in graph.quantizers():
        value = graph.value(argument(node, 1))
        if value is None:
            yield _problem(scale, node, "its scale does not stand in the file", "calibrate, and store it")
        elif not (np.isfinite(value.astype(np.float64)).all() and (value > 0).all()):
            yield _problem(scale, node, "its scale is zero, negative or not finite", "calibrate on data that moves it")
        elif node.op_type == "QuantizeLinear" and graph.moves(node.input[0]) and value.size > 1:
            yield _problem(scale, node, f"an activation has {value.size} scales", "one scale a tensor")


def bias(graph: Graph) -> Iterator[Problem]:
    """No bias is quantized."""
    for node, kind in graph.quantizers():
        if kind == TensorProto.INT32:
            yield _problem(bias, node, "it dequantizes an int32 bias", "leave biases in float (QuantizeBias=False)")


def int4(graph: Graph) -> Iterator[Problem]:
    """Int4 holds the weights of matrices: two axes, an even number of values, blocks that divide the axis."""
    for node, kind in graph.quantizers():
        shape = graph.shape(node.input[0])
        if kind != TensorProto.INT4 or shape is None:
            continue
        if len(shape) != 2:  # TensorRT 10.3: "Block quantization is supported only for 2D inputs"
            yield _problem(int4, node, f"int4 weights of {len(shape)} axes", "one matrix an expert, or int8")
        elif None not in shape and math.prod(axis or 0 for axis in shape) % 2:
            yield _problem(int4, node, "an odd number of int4 values", "pad the matrix, or int8")
        block, axis = attribute(node, "block_size", 0), attribute(node, "axis", 1)
        if block and -len(shape) <= axis < len(shape) and (shape[axis] or 0) % block:
            yield _problem(int4, node, f"blocks of {block} do not divide {shape[axis]}", "a block that divides it")


RULES: tuple[Rule, ...] = (
    *(opset, operator, tensor_type, rank, fixed_argument, largest_k, control_flow, data_shape),
    *(symmetric, zero_point, scale, bias, int4),
)


def _problem(rule: Rule, node: onnx.NodeProto, what: str, todo: str) -> Problem:
    return Problem(rule=rule.__name__.replace("_", "-"), node=label(node), what=what, todo=todo)
