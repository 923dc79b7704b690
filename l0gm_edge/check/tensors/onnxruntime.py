"""Every tensor of an ONNX model: each node's output is made an output of the graph, and nothing is fused.

A quantized tensor is read after its QuantizeLinear and DequantizeLinear, which also stand for a Relu that the quantizer
took out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l0gm_edge.check.tensors import Floats, Tensor
from l0gm_edge.core import store
from l0gm_edge.core.dataset import Values

HOST = "onnxruntime"


def expose(model: Path, copy: Path) -> bool:
    """As `TensorReader.expose`."""
    import onnx

    store.write_bytes(copy, _exposed(onnx.load(model))[0].SerializeToString())
    return True


def named(model: Path, outputs: Mapping[str, Floats]) -> dict[str, Tensor]:
    """As `TensorReader.named`."""
    import onnx

    return _named(*_exposed(onnx.load(model)), outputs)


def _named(opened: Any, layer: Mapping[str, str], outputs: Mapping[str, Floats]) -> dict[str, Tensor]:
    after = _dequantized(opened)
    given = {name: after.get(name, name) for name in layer if name in outputs}
    return {name: Tensor(layer[name], outputs[one]) for name, one in given.items() if one in outputs}


def tensors(model: Path, inputs: Mapping[str, Values]) -> dict[str, Tensor]:
    """As `TensorReader.tensors`; a layer's name is its node's, or else its operator's."""
    import onnx
    import onnxruntime

    opened, layer = _exposed(onnx.load(model))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(opened.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = list(layer)
    count = len(next(iter(inputs.values())))
    rows = [session.run(names, {key: values[i : i + 1] for key, values in inputs.items()}) for i in range(count)]
    found = {name: np.stack(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return _named(opened, layer, {name: values for name, values in found.items() if values.dtype == np.float32})


def _exposed(model: Any) -> tuple[Any, dict[str, str]]:
    """The model with every node's outputs made its own, and the name of the layer that gives each."""
    import onnx

    layer = {output: node.name or node.op_type for node in model.graph.node for output in node.output if output}
    given = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in layer if name not in given)
    return model, layer


def _dequantized(model: Any) -> dict[str, str]:
    """For each tensor that is quantized and dequantized again, the name it then has."""
    read_by = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    quantized = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    return {name: read_by[codes] for name, codes in quantized.items() if codes in read_by}
