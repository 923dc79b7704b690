"""Equalization leaves the function as it is, evens out what was uneven, and touches nothing that others read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_graphs import rows, stack
from onnxruntime import InferenceSession

from l0gm_edge.backends import _onnx_mixed, _onnx_noise, _onnx_pairs, _onnx_quantize
from l0gm_edge.backends._onnx_equalize import equalized
from l0gm_edge.core.recipe import Quantize


def convolutions(seed: int) -> onnx.ModelProto:
    """Convolutions with biases, a ReLU and a pool between them, then linear layers with and without a turned weight."""
    draw = np.random.default_rng(seed)
    spread = np.exp(draw.normal(size=8) * 2)
    tensors = {
        "w0": draw.normal(size=(8, 3, 3, 3)) * spread[:, None, None, None],
        "b0": draw.normal(size=8),
        "w1": draw.normal(size=(6, 8, 3, 3)) / spread[None, :, None, None],
        "b1": draw.normal(size=6),
        "w2": draw.normal(size=(7, 6)),
        "b2": draw.normal(size=7),
        "w3": draw.normal(size=(7, 5)),
        "b3": draw.normal(size=5),
        "w4": draw.normal(size=(4, 5)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c0"], "c0", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c0"], ["r0"], "r0"),
        helper.make_node("MaxPool", ["r0"], ["p0"], "p0", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p0", "w1", "b1"], ["c1"], "c1"),
        helper.make_node("ReduceMean", ["c1", "axes"], ["m"], "m", keepdims=0),
        helper.make_node("Gemm", ["m", "w2", "b2"], ["g2"], "g2", transB=1),
        helper.make_node("Relu", ["g2"], ["r2"], "r2"),
        helper.make_node("MatMul", ["r2", "w3"], ["m3"], "m3"),
        helper.make_node("Add", ["m3", "b3"], ["a3"], "a3"),
        helper.make_node("Relu", ["a3"], ["r3"], "r3"),
        helper.make_node("Gemm", ["r3", "w4"], ["y"], "g4", transB=1),
    ]
    constants = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in tensors.items()]
    constants.append(numpy_helper.from_array(np.array([2, 3]), "axes"))
    given_values = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])]
    result = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])]
    graph = helper.make_graph(nodes, "g", given_values, result, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def answer(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"x": x})[0]
    return found


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_the_function_stays_the_same(seed: int) -> None:
    plain = convolutions(seed)
    x = np.random.default_rng(seed).normal(size=(1, 3, 8, 8)).astype(np.float32)
    expected = answer(plain, x)
    np.testing.assert_allclose(answer(equalized(plain), x), expected, atol=1e-4 * np.abs(expected).max())


def test_channels_between_two_layers_get_equal_largest_weights() -> None:
    plain = convolutions(0)
    before, after = weights(plain), weights(equalized(plain))
    for held, even in ((before, False), (after, True)):
        given_sizes = np.abs(held["w0"]).max((1, 2, 3))
        assert np.allclose(given_sizes, np.abs(held["w1"]).max((0, 2, 3)), rtol=0.01) is even
    np.testing.assert_allclose(np.abs(after["w2"]).max(1), np.abs(after["w3"]).max(1), rtol=0.01)
    np.testing.assert_allclose(np.abs(after["w3"]).max(0), np.abs(after["w4"]).max(0), rtol=0.01)


def test_what_others_read_too_is_left_alone(tmp_path: Path) -> None:
    model = onnx.load(stack(tmp_path / "stack.onnx", layers=2, sensitive=1))
    model.graph.output.append(helper.make_tensor_value_info("r0", TensorProto.FLOAT, [1, 200]))
    assert equalized(model).SerializeToString() == model.SerializeToString()


def test_the_given_model_is_left_as_it_was() -> None:
    model = convolutions(1)
    before = model.SerializeToString()
    equalized(model)
    assert model.SerializeToString() == before


def sqnr_db(quantized: onnx.ModelProto, source: Path) -> float:
    samples = [{"x": row[None]} for row in rows()["x"]]
    expected = _onnx_noise.outputs(onnx.load(source), samples)
    return float(-10 * np.log10(_onnx_noise.noise(_onnx_noise.outputs(quantized, samples), expected)))


@pytest.mark.parametrize("sensitive", [2, None])
def test_it_is_used_where_it_helps(sensitive: int | None, tmp_path: Path) -> None:
    source = stack(tmp_path / "stack.onnx", sensitive=sensitive)
    (plain, said), (settled, (note,)) = (
        _onnx_quantize.static_int8(source, rows(), Quantize(ranges="min_max", equalize=equalize, subset_size=40), ())
        for equalize in (False, True)
    )
    assert said == ()
    assert sqnr_db(settled, source) >= sqnr_db(plain, source)
    assert note.startswith(f"equalization {'stays' if sensitive else 'is left off'}: the outputs stand ")
    if sensitive:
        assert sqnr_db(settled, source) > sqnr_db(plain, source) + 10


def test_mixed_needs_to_leave_out_nothing_once_units_are_even(tmp_path: Path) -> None:
    source = stack(tmp_path / "stack.onnx", sensitive=2)
    mixed, _ = _onnx_mixed.mixed_int8(source, rows(), Quantize(ranges="min_max", min_sqnr_db=25, equalize=True))
    read = {name for node in mixed.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    assert all(node.input[1] in read for node in mixed.graph.node if node.op_type == "MatMul")
    assert _onnx_pairs.session(mixed).get_outputs()[0].name == "y"
