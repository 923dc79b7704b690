from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch

from l0gm_edge.backends import onnxruntime
from l0gm_edge.core.errors import RefusedInput

Compiled = Callable[[str, str], Path]
pytestmark = pytest.mark.slow


def test_only_layers_that_gain_are_int8(compiled: Compiled) -> None:
    """The first convolution (1 to 8 channels) and the small linear layers would be slower."""
    graph = onnx.load(compiled("onnxruntime", "static_int8")).graph
    dequantized = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    int8 = {node.name for node in graph.node if node.op_type in ("Conv", "Gemm") and node.input[1] in dequantized}
    assert int8 == {"image.3", "image.6"}


def test_nodes_are_named_after_modules(compiled: Compiled) -> None:
    names = {node.name for node in onnx.load(compiled("onnxruntime", "fp32")).graph.node}
    assert {"image.0", "image.3", "tabular.0", "moe.router", "moe.experts.7.2", "head"} <= names


def test_dynamic_int8_keeps_the_router_float(compiled: Compiled) -> None:
    ops = onnxruntime.inspect(compiled("onnxruntime", "dynamic_int8")).ops
    linear_layers = 3 + 2 * 8
    assert ops["MatMulInteger"] == linear_layers
    assert ops["MatMul"] == 1


def test_a_file_with_free_dimensions_is_refused(tmp_path: Path) -> None:
    free = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 3])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", 3])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [free], [out])
    path = tmp_path / "free.onnx"
    onnx.save(onnx.helper.make_model(graph), path)
    with pytest.raises(RefusedInput, match="no fixed shape"):
        onnxruntime.inspect(path)


def test_constants_that_simplification_made_cannot_collide_with_those_that_the_runtime_makes(tmp_path: Path) -> None:
    """ONNX Runtime turns a linear layer on sequences into reshapes and a Gemm, with constants of fixed names."""
    net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.Linear(16, 8)).eval()
    program = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(net, (), {"input": torch.randn(1, 4, 8)}), program)
    onnxruntime.convert(program, tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx").graph
    shapes = {tensor.name for tensor in graph.initializer if tensor.name.endswith("shape")}
    assert shapes
    assert all(name.startswith("simplified/") for name in shapes)
    read = {name for node in graph.node for name in node.input}
    assert shapes <= read
