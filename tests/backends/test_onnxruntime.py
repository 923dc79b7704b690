from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from l0gm_edge.backends import onnxruntime
from l0gm_edge.core import plugins
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.recipe import Quantize

Compiled = Callable[[str, str], Path]
pytestmark = pytest.mark.slow


def test_only_layers_that_gain_are_int8(compiled: Compiled) -> None:
    """The first convolution (1 to 8 channels) and the small linear layers would be slower."""
    graph = onnx.load(compiled("onnxruntime", "static_int8")).graph
    dequantized = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    int8 = {node.name for node in graph.node if node.op_type in ("Conv", "Gemm") and node.input[1] in dequantized}
    assert int8 == {"image.3", "image.6"}


@pytest.mark.parametrize("way", plugins.names("l0gm_edge.ranges"))
def test_static_int8_with_every_way_to_find_ranges(
    way: str, compiled: Compiled, samples: dict[str, np.ndarray], expected: np.ndarray, tmp_path: Path
) -> None:
    output = tmp_path / "static.onnx"
    onnxruntime.quantize(
        compiled("onnxruntime", "fp32"), "static_int8", samples, Quantize(ranges=way, averaging=0.1), output
    )
    session = InferenceSession(output, providers=["CPUExecutionProvider"])
    rows = [{name: values[row : row + 1] for name, values in samples.items()} for row in range(len(expected))]
    error = np.concatenate([session.run(["logits"], row)[0] for row in rows]) - expected
    assert np.median(10 * np.log10((expected**2).sum(1) / (error**2).sum(1))) > 25


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
