"""An ONNX graph as the rules for TensorRT ask it: nodes at every depth, constants, types, what hangs on what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, TensorProto, numpy_helper

from l0gm_edge.core.errors import RefusedInput

DEFAULT_DOMAINS = ("", "ai.onnx")
_SHAPE_OPS = frozenset({"Shape", "Size"})


class Quantizer(NamedTuple):
    """A QuantizeLinear or DequantizeLinear node; `kind` is the ONNX type of its quantized side, if it is known."""

    node: onnx.NodeProto
    kind: int | None


class Graph:
    """Read once, never changed. Subgraphs see the names of the graphs around them, as in ONNX.

    Raises RefusedInput when nodes wait for each other, or onnx finds types or attributes that cannot be.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        inferred = _inferred(in_order(model))
        graphs = tuple(_graphs(inferred.graph))
        self.nodes = tuple(node for graph in graphs for node in graph.node)
        self.opsets = {opset.domain: opset.version for opset in model.opset_import}
        self.constants = {tensor.name: tensor for tensor in _constants(graphs)}
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.inputs = tuple(value for value in inferred.graph.input if value.name not in self.constants)
        self.outputs = tuple(inferred.graph.output)
        self._types = {
            value.name: value.type.tensor_type
            for graph in graphs
            for value in (*graph.input, *graph.output, *graph.value_info)
            if value.type.HasField("tensor_type")
        }
        self._moving = _moving(self.nodes, {value.name for value in self.inputs})

    def value(self, name: str) -> NDArray[Any] | None:
        """The value of a constant that stands, whole, in the file; None for all else."""
        tensor = self.constants.get(name)
        if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
            return None
        try:
            return numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError):  # more or fewer bytes than its shape asks for, or no known type
            return None

    def kind(self, name: str) -> int | None:
        """The ONNX type of a tensor, if it is known."""
        if name in self.constants:
            return self.constants[name].data_type
        found = self._types.get(name)
        return found.elem_type or None if found else None

    def shape(self, name: str) -> tuple[int | None, ...] | None:
        """The axes of a tensor, each None where it is free; None where even the rank is unknown."""
        if name in self.constants:
            return tuple(self.constants[name].dims)
        found = self._types.get(name)
        if found is None or not found.HasField("shape"):
            return None
        return tuple(axis.dim_value if axis.HasField("dim_value") else None for axis in found.shape.dim)

    def moves(self, name: str) -> bool:
        """Whether a tensor's values hang on the values, and not only on the shapes, of the model's inputs."""
        return name in self._moving

    def of(self, *operators: str) -> Iterator[onnx.NodeProto]:
        """The nodes of some standard operators."""
        return (node for node in self.nodes if node.domain in DEFAULT_DOMAINS and node.op_type in operators)

    def quantizers(self) -> Iterator[Quantizer]:
        """Every QuantizeLinear and DequantizeLinear."""
        for node in self.of("QuantizeLinear", "DequantizeLinear"):
            zero = argument(node, 2)
            quantized = node.output[0] if node.op_type == "QuantizeLinear" else node.input[0]
            yield Quantizer(node, self.kind(zero) if zero else self.kind(quantized))


def argument(node: onnx.NodeProto, index: int) -> str:
    """The name of a node's input; empty where the node leaves it out."""
    return node.input[index] if index < len(node.input) else ""


def attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    """A whole-number attribute of a node."""
    return next((int(one.i) for one in node.attribute if one.name == name), default)


def label(node: onnx.NodeProto) -> str:
    """A node as a person finds it again: its name, or else what it makes."""
    return node.name or f"{node.op_type} making {', '.join(node.output)}"


def type_name(kind: int) -> str:
    """An ONNX type as a person knows it; files may hold numbers that are none."""
    known: dict[int, str] = {number: name for name, number in TensorProto.DataType.items()}
    return known.get(kind, f"of an unknown type ({kind})")


def in_order(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose nodes stand after what they read, as ONNX asks and quantizers forget.

    Raises RefusedInput when nodes wait for each other, or names are no text.
    """
    nodes = list(model.graph.node)
    if not all(isinstance(name, str) for graph in _graphs(model.graph) for name in _names(graph)):
        raise RefusedInput("not an ONNX model that can be used: a name in it is no text", allowed="a whole .onnx file")
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needs = {index: {makers[name] for name in _all_read(node) if name in makers} for index, node in enumerate(nodes)}
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        waiting = ", ".join(dict.fromkeys(label(nodes[index]) for index in error.args[1]))
        raise RefusedInput(f"not an ONNX model that can be used: {waiting} wait for each other") from error
    made = onnx.ModelProto()
    made.CopyFrom(model)
    made.graph.ClearField("node")
    made.graph.node.extend(nodes[index] for index in order)
    return made


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return onnx.shape_inference.infer_shapes(model)
    except (ValueError, RuntimeError, TypeError, onnx.shape_inference.InferenceError) as error:
        raise RefusedInput(f"not an ONNX model that can be used: {error}", allowed="a whole .onnx file") from error


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for inner in _inner(node):
            yield from _graphs(inner)


def _names(graph: onnx.GraphProto) -> Iterator[object]:
    """Every name; protobuf gives bytes where one is no UTF-8."""
    yield from (value.name for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer))
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (one.name for one in node.attribute)


def _inner(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for one in node.attribute:
        if one.type == AttributeProto.GRAPH:
            yield one.g
        yield from one.graphs


def _constants(graphs: Iterable[onnx.GraphProto]) -> Iterator[TensorProto]:
    for graph in graphs:
        yield from graph.initializer
        for node in graph.node:
            if node.op_type == "Constant" and node.domain in DEFAULT_DOMAINS:
                yield from (_named(node.output[0], one) for one in node.attribute if _plain(one))


def _plain(one: AttributeProto) -> bool:
    return one.name in ("value", "value_int", "value_ints", "value_float", "value_floats")


def _named(name: str, one: AttributeProto) -> TensorProto:
    tensor = TensorProto()
    if one.type == AttributeProto.TENSOR:
        tensor.CopyFrom(one.t)
    elif one.type in (AttributeProto.INT, AttributeProto.INTS):
        whole = [one.i] if one.type == AttributeProto.INT else list(one.ints)
        tensor = onnx.helper.make_tensor(name, TensorProto.INT64, [len(whole)] * ("s" in one.name[6:]), whole)
    else:
        real = [one.f] if one.type == AttributeProto.FLOAT else list(one.floats)
        tensor = onnx.helper.make_tensor(name, TensorProto.FLOAT, [len(real)] * ("s" in one.name[6:]), real)
    tensor.name = name
    return tensor


def _moving(nodes: Iterable[onnx.NodeProto], inputs: set[str]) -> set[str]:
    """Names whose values follow from input values. Nodes stand in order; a loop's body is read after its own node."""
    found = set(inputs)
    for node in nodes:
        if found & set(_all_read(node)) and node.op_type not in _SHAPE_OPS:
            found.update(node.output)
            found.update(value.name for graph in _inner(node) for value in graph.input)
    return found


def _all_read(node: onnx.NodeProto) -> Iterator[str]:
    """The names that a node reads, its subgraphs included."""
    yield from node.input
    for graph in _inner(node):
        for inner in graph.node:
            yield from _all_read(inner)
        yield from (value.name for value in graph.output)
