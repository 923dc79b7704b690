from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import onnx
import pytest
import tensorrt_graphs as graphs
from onnx import numpy_helper

from l0gm_edge.backends import tensorrt
from l0gm_edge.core import arrays
from l0gm_edge.core.engine import Answer, EngineDescription, EngineSettings, Shapes
from l0gm_edge.core.errors import ExportFailed, RefusedInput
from l0gm_edge.core.recipe import Quantize
from l0gm_edge.core.store import file_sha256, read_value
from l0gm_edge.ondevice.tensorrt_build import build

Compiled = Callable[[str, str], Path]
LINEAR_LAYERS = 3 + 2 * 8
CONVOLUTIONS = 3
ROUTER = "moe.router"


def description(path: Path) -> EngineDescription:
    return read_value(EngineDescription, path.with_suffix(tensorrt.DESCRIPTION))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", tensorrt.SCHEMES)
def test_every_scheme_passes_the_lint_and_the_checker(scheme: str, compiled: Compiled) -> None:
    path = compiled("tensorrt", scheme)
    assert tensorrt.problems(path) == ()
    onnx.checker.check_model(path, full_check=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "heavy", "router"),
    [
        ("fp32", "fp32", "fp32"),
        ("fp16", "fp16", "fp32"),
        ("static_int8", "int8", "fp32"),
        ("int8_fp16", "int8", "fp32"),
        ("implicit_int8", "int8", "int8"),  # wishes
    ],
)
def test_every_heavy_node_asks_for_the_schemes_precision(
    scheme: str, heavy: str, router: str, compiled: Compiled
) -> None:
    precisions = description(compiled("tensorrt", scheme)).precisions
    assert len(precisions) == LINEAR_LAYERS + CONVOLUTIONS + 1
    assert {name: kind for name, kind in precisions.items() if kind != heavy} == (
        {} if router == heavy else {ROUTER: router}
    )


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["static_int8", "int8_fp16"])
def test_weights_are_int8_a_channel_and_biases_float(scheme: str, compiled: Compiled) -> None:
    graph = onnx.load(compiled("tensorrt", scheme)).graph
    constants = {held.name: numpy_helper.to_array(held) for held in graph.initializer}
    float_constants = {name: array for name, array in constants.items() if array.dtype.kind == "f"}
    makers = {name: node for node in graph.node for name in node.output}
    layers = [node for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul") and node.name != ROUTER]
    assert layers
    for node in layers:
        activation, weight = (makers[name] for name in node.input[:2])
        assert (activation.op_type, weight.op_type) == ("DequantizeLinear", "DequantizeLinear")
        assert constants[activation.input[1]].size == 1
        assert constants[weight.input[0]].dtype == np.int8
        channels = constants[weight.input[1]].size
        assert channels in constants[weight.input[0]].shape
        assert channels > 1
        assert set(node.input[2:]) <= float_constants.keys()


@pytest.mark.slow
def test_the_weights_of_int8_are_those_of_fp32(compiled: Compiled) -> None:
    before = {
        held.name: numpy_helper.to_array(held) for held in onnx.load(compiled("tensorrt", "fp32")).graph.initializer
    }
    graph = onnx.load(compiled("tensorrt", "int8_fp16")).graph
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    pairs = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in held]
    assert len(pairs) == LINEAR_LAYERS + CONVOLUTIONS
    for node in pairs:
        (axis,) = (one.i for one in node.attribute if one.name == "axis")
        original = before[node.input[0].removesuffix("_quantized")]
        step = held[node.input[1]].astype(np.float64)
        step = step.reshape([-1 if at == axis else 1 for at in range(original.ndim)])
        error = np.abs(held[node.input[0]] * step - original) / step
        assert error.max() < 0.5 + 127 * 2**-9  # half a step, and the scale rounded to fp16


@pytest.mark.slow
def test_what_would_overflow_fp16_stays_float(tmp_path: Path) -> None:
    """A sum of squares of 16 numbers up to 100: 160,000, more than fp16 holds."""
    nodes = [
        onnx.helper.make_node("Mul", ["x", "x"], ["square"], "square"),
        onnx.helper.make_node("ReduceSum", ["square", "axes"], ["sum"], "sum"),
        onnx.helper.make_node("Div", ["square", "sum"], ["share"], "share"),
        onnx.helper.make_node("Relu", ["share"], ["y"], "relu"),
    ]
    model = graphs.model(
        nodes, [graphs.tensor("x", [1, 16])], [graphs.tensor("y", [1, 16])], {"axes": np.array([1])}, 20
    )
    onnx.save(model, tmp_path / "fp32.trt.onnx")
    given = {"x": np.full((4, 16), 100, np.float32)}
    output = tmp_path / "fp16.trt.onnx"
    tensorrt.quantize(tmp_path / "fp32.trt.onnx", "fp16", given, Quantize(), output)
    made = onnx.shape_inference.infer_shapes(onnx.load(output))
    kinds = {value.name: value.type.tensor_type.elem_type for value in made.graph.value_info}
    found = {node.name: kinds[node.output[0]] for node in made.graph.node if node.name in ("sum", "relu")}
    assert found == {"sum": onnx.TensorProto.FLOAT, "relu": onnx.TensorProto.FLOAT16}


def test_for_tensorrts_own_calibrator_the_floats_travel_with_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("l0gm_edge.backends._tensorrt_describe.find_spec", lambda _: None)
    path, output = saved(graphs.one("Relu"), tmp_path), tmp_path / "out.trt.onnx"
    rows = {"x": np.arange(8, dtype=np.float32).reshape(2, 4)}
    tensorrt.quantize(path, "implicit_int8", rows, Quantize(), output)
    assert output.read_bytes() == path.read_bytes()
    beside = output.with_suffix(tensorrt.CALIBRATION)
    np.testing.assert_equal(arrays.read(beside), rows)
    assert description(output).calibration_sha256 == file_sha256(beside)


def test_rows_are_not_left_behind_with_a_file_that_is_refused(tmp_path: Path) -> None:
    path = saved(graphs.one("BitwiseNot", kind=onnx.TensorProto.INT32), tmp_path)
    rows = {"x": np.ones((2, 4), np.int32)}
    with pytest.raises(ExportFailed, match="operator"):
        tensorrt.quantize(path, "implicit_int8", rows, Quantize(), tmp_path / "out.trt.onnx")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("scheme", "opset"), [("static_int8", 12), ("int8_fp16", 18)])
def test_an_operator_set_that_cannot_hold_a_scheme_is_refused(scheme: str, opset: int, tmp_path: Path) -> None:
    path = saved(graphs.one("Relu", opset=opset), tmp_path)
    with pytest.raises(RefusedInput, match=f"{scheme} cannot be written in operator set {opset}"):
        tensorrt.quantize(path, scheme, {"x": np.ones((2, 4), np.float32)}, Quantize(), tmp_path / "out.trt.onnx")
    assert list(tmp_path.iterdir()) == [path]


def test_an_unlawful_file_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert_all(files: Mapping[Path, Path]) -> None:
        for output in files.values():
            output.write_bytes(graphs.BROKEN["zero point"].model.SerializeToString())

    monkeypatch.setattr(tensorrt, "convert_all", convert_all)
    with pytest.raises(ExportFailed, match="zero-point: quantize: its zero point is not 0"):
        tensorrt.convert(tmp_path / "program.pt2", tmp_path / "out.trt.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_tensorrt_nothing_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l0gm_edge.backends._tensorrt_describe.find_spec", lambda _: None)
    path = saved(graphs.SOUND["int8 in pairs"], tmp_path)
    said = tensorrt.describe(path, "static_int8", EngineSettings()).front_end
    assert said.answer is Answer.NOT_VERIFIED
    assert "pip install --no-deps" in said.reason


def test_packages_that_are_only_names_verify_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorrt", "tensorrt_rtx_bindings"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('libraries come from elsewhere')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    said = tensorrt.describe(saved(graphs.SOUND["half"], tmp_path), "fp16", EngineSettings()).front_end
    assert (said.answer, said.by) == (Answer.NOT_VERIFIED, None)


def test_a_parser_that_dies_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorrt.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    said = tensorrt.describe(saved(graphs.SOUND["half"], tmp_path), "fp16", EngineSettings()).front_end
    assert said.answer is Answer.REFUSED
    assert "TensorRT's build failed" in said.reason


@pytest.mark.parametrize("typed", [True, False], ids=["TensorRT 10", "TensorRT 11"])
def test_one_path_for_every_tensorrt(typed: bool) -> None:
    """Settings reach the builder; from 11 on there is no flag for strongly typed networks: nothing else exists."""
    trt = MagicMock(__name__="tensorrt", __version__="10.3.0", ILogger=type("ILogger", (), {}))
    trt.NetworkDefinitionCreationFlag = SimpleNamespace(**({"STRONGLY_TYPED": 1} if typed else {}))
    builder = trt.Builder.return_value
    builder.num_DLA_cores = 2
    builder.build_serialized_network.return_value = memoryview(b"engine")
    builder.create_network.return_value.num_layers = 3
    settings = EngineSettings(workspace_mb=8, optimization_level=5, dla_core=1)
    built = build(trt, "model.onnx", settings.model_dump())
    config = builder.create_builder_config.return_value
    assert (built.engine, built.layers) == (b"engine", 3)
    builder.create_network.assert_called_once_with(2 if typed else 0)
    config.set_memory_pool_limit.assert_called_once_with(trt.MemoryPoolType.WORKSPACE, 8 << 20)
    assert (config.builder_optimization_level, config.DLA_core) == (5, 1)
    config.set_flag.assert_called_once_with(trt.BuilderFlag.GPU_FALLBACK)
    config.clear_flag.assert_called_once_with(trt.BuilderFlag.TF32)


@pytest.mark.parametrize(
    ("axes", "shapes"),
    [
        (["batch", 4], {}),
        ([1, 4], {"x": [(1, 4)] * 3}),
        (["batch", 4], {"x": [(1, 5), (2, 5), (3, 5)]}),
        (["batch", 4], {"x": [(1,), (2,), (3,)]}),
        (["batch", 4], {"other": [(1, 4)] * 3}),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    axes: list[str | int], shapes: dict[str, list[tuple[int, ...]]], tmp_path: Path
) -> None:
    node = onnx.helper.make_node("Relu", ["x"], ["y"], "node")
    path = saved(graphs.model([node], [graphs.tensor("x", axes)], [graphs.tensor("y", axes)]), tmp_path)
    given = {name: Shapes(least=rows[0], usual=rows[1], largest=rows[2]) for name, rows in shapes.items()}
    with pytest.raises(RefusedInput, match="shape") as refused:
        tensorrt.describe(path, "fp32", EngineSettings(shapes=given))
    assert refused.value.allowed


def test_weights_outside_the_file_are_refused_before_any_parser_reads_them(tmp_path: Path) -> None:
    made = graphs.linear()
    weight = next(held for held in made.graph.initializer if held.name == "w")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../../etc/passwd")
    with pytest.raises(RefusedInput, match="1 constants, w first, are stored outside the file") as refused:
        tensorrt.describe(saved(made, tmp_path), "static_int8", EngineSettings())
    assert refused.value.todo


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path
