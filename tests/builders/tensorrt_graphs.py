"""Small ONNX graphs that TensorRT does not take, each breaking one rule of the lint; and sound ones beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Arrays = Mapping[str, np.ndarray]
YES = np.ones((), np.bool_)
FLOAT, INT64, INT4 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT4


class Broken(NamedTuple):
    """The rule that a model breaks, and whether the parser of TensorRT-RTX 1.7 refuses it too."""

    rule: str
    model: onnx.ModelProto
    refused: bool


def tensor(name: str, shape: Sequence[int | str | None] | None, kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Arrays | None = None,
    opset: int = 21,
    domains: Sequence[str] = (),
    more: Sequence[TensorProto] = (),
) -> onnx.ModelProto:
    held = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [*held, *more])
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def linear(
    zero: int = 0,
    weight_zero: int = 0,
    kind: type[np.generic] = np.int8,
    step: float | Sequence[float] = 0.1,
    weight_step: float = 0.1,
    bias: bool = False,
) -> onnx.ModelProto:
    """A linear layer in the explicit form, 16 to 8, sound as it is by default."""
    steps = np.array(step, np.float32)
    constants = {
        "x_scale": steps,
        "x_zero": np.full(steps.shape, zero, kind),
        "w": np.ones((16, 8), np.int8),
        "w_scale": np.full(8, weight_step, np.float32),
        "w_zero": np.full(8, weight_zero, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "x_scale", "x_zero"], ["x_q"], "quantize", axis=1),
        helper.make_node("DequantizeLinear", ["x_q", "x_scale", "x_zero"], ["x_dq"], "dequantize", axis=1),
        helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["w_dq"], "weight", axis=1),
    ]
    if bias:
        constants |= {
            "b": np.ones(8, np.int32),
            "b_scale": np.full(8, 0.01, np.float32),
            "b_zero": np.zeros(8, np.int32),
        }
        nodes.append(helper.make_node("DequantizeLinear", ["b", "b_scale", "b_zero"], ["b_dq"], "bias", axis=0))
    else:
        constants["b_dq"] = np.zeros(8, np.float32)
    nodes.append(helper.make_node("Gemm", ["x_dq", "w_dq", "b_dq"], ["y"], "linear"))
    return model(nodes, [tensor("x", [1, 16])], [tensor("y", [1, 8])], constants)


def packed(shape: tuple[int, ...], scales: tuple[int, ...], axis: int, block: int = 0) -> onnx.ModelProto:
    """A product with int4 weights."""
    weight = helper.make_tensor("w", INT4, shape, [1] * int(np.prod(shape)))
    blocks = {"block_size": block} if block else {}
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "w_scale"], ["w_dq"], "weight", axis=axis, **blocks),
        helper.make_node("MatMul", ["x", "w_dq"], ["y"], "product"),
    ]
    given, made = [*shape[:-2], 1, shape[-2]], [*shape[:-2], 1, shape[-1]]
    scale = {"w_scale": np.full(scales, 0.1, np.float32)}
    return model(nodes, [tensor("x", given)], [tensor("y", made)], scale, more=[weight])


def one(
    operator: str, *, kind: int = FLOAT, opset: int = 21, domain: str = "", **attributes: object
) -> onnx.ModelProto:
    """One node from x to y."""
    node = helper.make_node(operator, ["x"], ["y"], "node", domain=domain, **attributes)
    domains = [domain] if domain else []
    return model([node], [tensor("x", [1, 4], kind)], [tensor("y", [1, 4], kind)], opset=opset, domains=domains)


def four_bits_outside_the_standard() -> onnx.ModelProto:
    attributes = {"K": 64, "N": 8, "bits": 4, "block_size": 32}
    node = helper.make_node("MatMulNBits", ["x", "w", "s"], ["y"], "node", domain="com.microsoft", **attributes)
    constants = {"w": np.zeros((8, 2, 16), np.uint8), "s": np.ones(16, np.float32)}
    return model([node], [tensor("x", [1, 64])], [tensor("y", [1, 8])], constants, domains=["com.microsoft"])


def largest(k: np.ndarray | None, width: int = 16, before: Sequence[onnx.NodeProto] = ()) -> onnx.ModelProto:
    """TopK; with k None, what the nodes before it compute."""
    nodes = [*before, helper.make_node("TopK", ["x", "k"], ["v", "i"], "node")]
    constants = {"zero": np.array([0])} | ({} if k is None else {"k": k})
    return model(nodes, [tensor("x", [1, width])], [tensor("v", [1, None])], constants)


def summed(to: str, kind: int) -> list[onnx.NodeProto]:
    """A whole number that hangs on the values of x."""
    return [
        helper.make_node("ReduceSum", ["x"], ["sum"], "sum", keepdims=0),
        helper.make_node("Cast", ["sum"], [to], "cast", to=kind),
    ]


def branch(moving: bool) -> onnx.ModelProto:
    sides = [
        helper.make_graph([helper.make_node(name, ["x"], [name])], name, [], [tensor(name, [1, 4])])
        for name in ("Identity", "Neg")
    ]
    node = helper.make_node("If", ["c"], ["y"], "node", then_branch=sides[0], else_branch=sides[1])
    before = summed("c", TensorProto.BOOL) if moving else []
    return model([*before, node], [tensor("x", [1, 4])], [tensor("y", [1, 4])], {} if moving else {"c": YES})


def loop(moving: bool) -> onnx.ModelProto:
    """x doubled n times, every step kept."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["going"]),
            helper.make_node("Add", ["s", "s"], ["twice"]),
            helper.make_node("Identity", ["s"], ["kept"]),
        ],
        "body",
        [tensor("turn", [], INT64), tensor("go", [], TensorProto.BOOL), tensor("s", [1, 4])],
        [tensor("going", [], TensorProto.BOOL), tensor("twice", [1, 4]), tensor("kept", [1, 4])],
    )
    node = helper.make_node("Loop", ["n", "yes", "x"], ["last", "y"], "node", body=body)
    before = summed("n", INT64) if moving else []
    constants = {"yes": YES} | ({} if moving else {"n": np.array(3)})
    return model([*before, node], [tensor("x", [1, 4])], [tensor("y", [None, 1, 4])], constants)


def moving_scale() -> onnx.ModelProto:
    made = linear()
    del made.graph.initializer[0]
    made.graph.input.append(tensor("x_scale", []))
    return made


def no_rank() -> onnx.ModelProto:
    return model([helper.make_node("Relu", ["x"], ["y"], "node")], [tensor("x", None)], [tensor("y", None)])


def nonzero() -> onnx.ModelProto:
    node = helper.make_node("NonZero", ["x"], ["y"], "node")
    return model([node], [tensor("x", [1, 4])], [tensor("y", [2, None], INT64)])


SOUND = {
    "int8 in pairs": linear(),
    "int4 a channel": packed((64, 32), (32,), 1),
    "int4 in blocks": packed((64, 32), (2, 32), 0, 32),
    "TopK of a constant": largest(np.array([2])),
    "a fixed branch": branch(moving=False),
    "a fixed loop": loop(moving=False),
    "half": one("Relu", kind=TensorProto.FLOAT16),
    "opset 20": one("Gelu", opset=20),
}

# The first four are those that users meet.
BROKEN = {
    "int32 bias": Broken("bias", linear(bias=True), refused=True),
    "zero point": Broken("zero-point", linear(zero=3), refused=True),
    "MatMulNBits": Broken("operator", four_bits_outside_the_standard(), refused=True),
    "int4 in blocks over experts": Broken("int4", packed((4, 64, 32), (2, 64, 32), 0, 2), refused=True),
    "int4 experts": Broken("int4", packed((4, 64, 32), (4, 2, 32), 1, 32), refused=False),
    "odd int4": Broken("int4", packed((65, 33), (33,), 1), refused=True),
    "zero point of weights": Broken("zero-point", linear(weight_zero=2), refused=True),
    "uint8": Broken("symmetric", linear(kind=np.uint8), refused=False),
    "int16": Broken("symmetric", linear(kind=np.int16), refused=True),
    "negative scale": Broken("scale", linear(step=-0.1), refused=True),
    "no scale": Broken("scale", linear(step=0.0), refused=True),
    "infinite scale": Broken("scale", linear(step=np.inf), refused=False),
    "scale that is not a number": Broken("scale", linear(weight_step=np.nan), refused=True),
    "a scale a channel": Broken("scale", linear(step=[0.1] * 16), refused=False),
    "computed scale": Broken("scale", moving_scale(), refused=False),
    "opset 6": Broken("opset", one("Relu", opset=6), refused=False),
    "opset 25": Broken("opset", one("Relu", opset=25), refused=False),
    "an operator it lacks": Broken("operator", one("BitwiseNot", kind=TensorProto.INT32), refused=True),
    "64-bit floats": Broken("tensor-type", one("Neg", kind=TensorProto.DOUBLE), refused=False),
    "text": Broken("tensor-type", one("Identity", kind=TensorProto.STRING), refused=True),
    "no rank": Broken("rank", no_rank(), refused=False),
    "computed k": Broken(
        "fixed-argument",
        largest(None, before=[*summed("n", INT64), helper.make_node("Unsqueeze", ["n", "zero"], ["k"])]),
        refused=True,
    ),
    "large k": Broken("largest-k", largest(np.array([4000]), 5000), refused=True),
    "branch on values": Broken("control-flow", branch(moving=True), refused=False),
    "loop on values": Broken("control-flow", loop(moving=True), refused=True),
    "size of values": Broken("data-shape", nonzero(), refused=True),
}
KNOWN = ("int32 bias", "zero point", "MatMulNBits", "int4 in blocks over experts")
