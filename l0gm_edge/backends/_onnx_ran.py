"""The graph that ONNX Runtime made of a file on a device: which layer each of its operators serves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import onnx

from l0gm_edge.backends import LayerCost, _onnx_layers
from l0gm_edge.core.measurement import LayerTime

FLOAT_OPS = frozenset({"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"})
# They change the form of what a layer is about to read.
PREPARING = frozenset({"QuantizeLinear", "ReorderInput", "Transpose", "Reshape"})
CONVERTING = frozenset({"QuantizeLinear", "DequantizeLinear"})
BLOCKED = re.compile(r"_nchwc(_token_\d+)?$")  # ends the name of a convolution that got the blocked layout
TOLD_APART = re.compile(r"_token_\d+$")
QUANTIZED = re.compile(r"(_quantized)?(_DequantizeLinear_Output)?$")


def costs(source: onnx.ModelProto, ran: onnx.ModelProto, times: Sequence[LayerTime]) -> dict[str, LayerCost]:
    """What each layer of `source`, an fp32 graph, takes in a graph that ran, with all that runs on its behalf.

    What prepares its input is charged to a layer, and so is all that follows it up to the next one. What two forms of a
    model have in common is then charged alike in both, and only their differences count.
    """
    graph = ran.graph
    layers = _layers(source, ran)
    taken = {time.name: time.mean_ns for time in times}
    slow = {node.name for node in _left(ran)}
    total: dict[str, float] = defaultdict(float)
    for number, owner in enumerate(_owners(graph, layers)):
        if owner is not None:
            total[owner] += taken.get(graph.node[number].name, 0)
    shown = {layer: graph.node[number].name for number, layer in layers.items()}
    return {layer: LayerCost(ns=total[layer], fast=name not in slow) for layer, name in shown.items() if name in taken}


def left_in_float(ran: onnx.ModelProto) -> tuple[str, ...]:
    """Operators that were to be in int8, and were not fused with the conversions around them, in words."""
    return tuple(f"{node.op_type} of {_name(node)} (float between conversions)" for node in _left(ran))


def _left(ran: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Float layers whose weights are converted from integers at each inference."""
    constants = {tensor.name for tensor in ran.graph.initializer}
    dequantized = {
        node.output[0] for node in ran.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in constants
    }
    return [
        node
        for node in ran.graph.node
        if node.op_type in FLOAT_OPS and len(node.input) > 1 and node.input[1] in dequantized
    ]


def _name(node: onnx.NodeProto) -> str:
    return TOLD_APART.sub("", BLOCKED.sub("", node.name)).partition("/MatMulAddFusion")[0]


def _layers(source: onnx.ModelProto, ran: onnx.ModelProto) -> dict[int, str]:
    """The nodes that ran which are layers of the source, by number."""
    model = _onnx_layers.named(source)
    nodes = [*_onnx_layers.heavy(model), *_onnx_layers.tables(model)]
    numbers = {node.name: number for number, node in enumerate(model.graph.node)}
    own = {numbers[node.name]: node.name for node in nodes}
    behind = {
        name: owner
        for node, owner in zip(model.graph.node, _upstream(model.graph, own), strict=True)
        if owner is not None
        for name in node.output
    }
    readers = defaultdict(list)
    for node in nodes:
        readers[node.input[0 if node.op_type == _onnx_layers.TABLE else 1]].append(node.name)
    found: dict[int, str] = {}
    for number, node in enumerate(ran.graph.node):
        layer = _layer(node, readers, behind)
        if layer is not None and layer not in found.values():
            found[number] = layer
    return found


def _layer(node: onnx.NodeProto, readers: Mapping[str, Sequence[str]], behind: Mapping[str, str]) -> str | None:
    """The layer that a node is: by its weights, or, where these were rearranged, by what it gives."""
    if node.op_type in CONVERTING:
        return None
    if BLOCKED.search(node.name):
        return behind.get(BLOCKED.sub("", node.name)) if node.op_type == "Conv" else None
    read = [layer for name in node.input for layer in readers.get(QUANTIZED.sub("", name, count=1), ())]
    named = [layer for layer in read if node.name.startswith(layer)]  # where several share their weights
    return next(iter(named or read), None)


def _owners(graph: onnx.GraphProto, layers: Mapping[int, str]) -> list[str | None]:
    """The layer that each node is or serves."""
    readers = defaultdict(list)
    for number, node in enumerate(graph.node):
        for name in node.input:
            readers[name].append(number)
    owners = _upstream(graph, layers)
    for number in reversed(range(len(graph.node))):
        node = graph.node[number]
        after = [reader for name in node.output for reader in readers[name]]
        if node.op_type in PREPARING and len(after) == 1:
            reader = after[0]
            if reader in layers or graph.node[reader].op_type in PREPARING:
                owners[number] = owners[reader]
    return owners


def _upstream(graph: onnx.GraphProto, layers: Mapping[int, str]) -> list[str | None]:
    """Each node's own layer, or the last one before it that it depends on."""
    last: dict[str, int] = {}
    owners: list[str | None] = []
    for number, node in enumerate(graph.node):
        at = number if number in layers else max((last[name] for name in node.input if name in last), default=-1)
        owners.append(layers.get(at))
        if at >= 0:
            last.update(dict.fromkeys(node.output, at))
    return owners
