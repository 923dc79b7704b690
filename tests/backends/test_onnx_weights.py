"""Small weights in ONNX files: what they lose, how ONNX Runtime reads them, and what is left as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from l0gm_edge.backends import _onnx_file, _onnx_weights
from l0gm_edge.core.errors import RefusedInput

DRAW = np.random.default_rng(0)
IDS = np.array([[3, 0, 49, 3]])
MATRICES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 70), st.integers(1, 9)),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)


def network() -> onnx.ModelProto:
    """Ids to scores, (1, 4, 50): an embedding, a linear layer on each word, and the embedding again as the head."""
    tensors = {
        "table": DRAW.normal(size=(50, 40)).astype(np.float32),
        "weight": DRAW.normal(size=(40, 40)).astype(np.float32),
        "bias": DRAW.normal(size=40).astype(np.float32),
        "shape": np.array([-1, 40]),
    }
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["words"], "table"),
        helper.make_node("Reshape", ["words", "shape"], ["rows"], "rows"),
        helper.make_node("Gemm", ["rows", "weight", "bias"], ["hidden"], "linear", transB=1),
        helper.make_node("Gemm", ["hidden", "table"], ["scores"], "head", transB=1),
    ]
    given = [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, 4])]
    scores = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [4, 50])]
    constants = [numpy_helper.from_array(values, name) for name, values in tensors.items()]
    graph = helper.make_graph(nodes, "network", given, scores, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def layers(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Gemm"]


def scores(model: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"ids": IDS})[0]
    return found


def ratio_db(found: np.ndarray, expected: np.ndarray) -> float:
    return float(10 * np.log10(np.square(expected).sum() / np.square(found - expected).sum()))


@given(MATRICES, st.sampled_from([4, 8]), st.sampled_from([16, 32, 70]))
def test_a_weight_moves_by_half_a_step_at_most(weights: np.ndarray, bits: int, block: int) -> None:
    whole, steps = _onnx_weights.quantized(weights, bits, block)
    assert whole.shape == weights.shape
    assert steps.shape == (-(-len(weights) // block), weights.shape[1])
    assert np.abs(whole.astype(int)).max() <= 2 ** (bits - 1) - 1
    each = np.repeat(steps, block, axis=0)[: len(weights)].astype(np.float64)
    assert (np.abs(whole * each - weights) <= each / 2 * (1 + 1e-3)).all()


@pytest.mark.parametrize(("bits", "least_db"), [(8, 35), (4, 12)])
def test_integers_stay_close_and_are_smaller(bits: int, least_db: float) -> None:
    plain = network()
    small = _onnx_weights.integers(plain, layers(plain), bits)
    assert ratio_db(scores(small), scores(plain)) > least_db
    assert small.ByteSize() < 0.6 * plain.ByteSize()
    assert "table" not in {tensor.name for tensor in small.graph.initializer}, "the float table is used no more"


@pytest.mark.parametrize("bits", [8, 4])
def test_integers_mean_what_the_standard_says(bits: int) -> None:
    plain = network()
    small = _onnx_weights.integers(plain, layers(plain), bits)
    reference = ReferenceEvaluator(small).run(None, {"ids": IDS})[0]
    assert isinstance(reference, np.ndarray)
    np.testing.assert_allclose(scores(small), reference, rtol=0.02, atol=0.02 * np.abs(reference).max())


@pytest.mark.parametrize("bits", [8, 4])
def test_onnxruntime_reads_them_by_its_own_kernel(bits: int, tmp_path: Path) -> None:
    plain = network()
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.log_severity_level = 3  # it warns that such a file is for this machine alone
    content = _onnx_weights.integers(plain, layers(plain), bits).SerializeToString()
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    loaded = [node.op_type for node in onnx.load(tmp_path / "loaded.onnx").graph.node]
    assert loaded.count("MatMulNBits") == 2
    assert loaded.count("DequantizeLinear") == 1, "that of the embedding's rows"


def test_layers_that_are_not_named_stay_float() -> None:
    plain = network()
    small = _onnx_weights.integers(plain, [], 8)
    assert [node.op_type for node in small.graph.node] == ["Gather", "DequantizeLinear", "Reshape", "Gemm", "Gemm"]
    assert {"weight", "table"} <= {tensor.name for tensor in small.graph.initializer}


def test_fp16_halves_the_file_and_keeps_what_does_not_fit() -> None:
    plain = network()
    half = _onnx_weights.fp16(plain)
    assert half.ByteSize() < 0.6 * plain.ByteSize()
    assert ratio_db(scores(half), scores(plain)) > 60
    large = onnx.ModelProto()
    large.CopyFrom(plain)
    weight = next(tensor for tensor in large.graph.initializer if tensor.name == "weight")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 1e6, "weight"))
    assert ratio_db(scores(_onnx_weights.fp16(large)), scores(large)) > 60


def test_the_given_model_is_left_as_it_was() -> None:
    plain = network()
    before = plain.SerializeToString(deterministic=True)
    for bits in (4, 8):
        _onnx_weights.integers(plain, layers(plain), bits)
    _onnx_weights.fp16(plain)
    assert plain.SerializeToString(deterministic=True) == before


def test_operators_that_the_standard_does_not_know_are_refused() -> None:
    model = network()
    model.graph.node[0].op_type = "NoSuchOp"
    with pytest.raises(RefusedInput, match="version 20 cannot be converted to version 21"):
        _onnx_file.at_opset(model, 21)
