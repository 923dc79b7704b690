"""Sensitivity of layers and int8 within a limit of noise, on networks whose sensitive layer is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_graphs import rows, stack
from onnxruntime import InferenceSession

from l0gm_edge.backends import STATIC, _onnx_layers, _onnx_mixed, onnxruntime
from l0gm_edge.core.errors import ExportFailed, RefusedInput
from l0gm_edge.core.recipe import Quantize

Compiled = Callable[[str, str], Path]
SETTINGS = Quantize(ranges="min_max")


def answers(model: bytes | Path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    session = InferenceSession(model, providers=["CPUExecutionProvider"])
    count = len(next(iter(inputs.values())))
    samples = [{name: values[at : at + 1] for name, values in inputs.items()} for at in range(count)]
    return np.concatenate([session.run(None, sample)[0] for sample in samples])


def sqnr_db(found: np.ndarray, expected: np.ndarray) -> float:
    return float(10 * np.log10(np.square(expected).sum() / np.square(found - expected).sum()))


def in_int8(model: onnx.ModelProto) -> set[str]:
    dequantized = {name for node in model.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    return {node.name for node in model.graph.node if len(node.input) > 1 and node.input[1] in dequantized}


@pytest.mark.slow
def test_sensitivity_is_that_of_the_file_with_one_layer_in_int8(tmp_path: Path) -> None:
    source = stack(tmp_path / "stack.onnx", sensitive=2)
    found = {one.layer: one for one in onnxruntime.sensitivity(source, rows(), SETTINGS)}
    assert list(found) == [f"layer {number}" for number in range(4)]
    assert {one.multiplications for one in found.values()} == {200 * 200}
    worst = sorted(found.values(), key=lambda one: one.sqnr_db)[:2]
    assert {one.layer for one in worst} == {"layer 1", "layer 2"}, "those that write and read the uneven units"
    for layer in ("layer 1", "layer 2"):
        onnxruntime.quantize_layers(source, {layer: STATIC}, rows(), SETTINGS, tmp_path / "one.onnx")
        measured = sqnr_db(answers(tmp_path / "one.onnx", rows()), answers(source, rows()))
        assert found[layer].sqnr_db == pytest.approx(measured, abs=0.1)
        assert in_int8(onnx.load(tmp_path / "one.onnx")) == {layer}


@pytest.mark.parametrize("least_db", [10.0, 30.0, 36.0, 39.0])
def test_mixed_keeps_its_distance_from_the_noise(least_db: float, tmp_path: Path) -> None:
    source = stack(tmp_path / "stack.onnx")
    settings = Quantize(ranges="min_max", min_sqnr_db=least_db)
    mixed, _ = _onnx_mixed.mixed_int8(source, rows(), settings)
    assert sqnr_db(answers(mixed.SerializeToString(), rows()), answers(source, rows())) >= least_db


def test_mixed_leaves_the_sensitive_layers_in_float(tmp_path: Path) -> None:
    source = stack(tmp_path / "stack.onnx", sensitive=2)
    loose, _ = _onnx_mixed.mixed_int8(source, rows(), Quantize(ranges="min_max", min_sqnr_db=2))
    tight, _ = _onnx_mixed.mixed_int8(source, rows(), Quantize(ranges="min_max", min_sqnr_db=25))
    assert in_int8(loose) == {f"layer {number}" for number in range(4)}
    assert in_int8(tight) == {"layer 0", "layer 3"}


def test_a_limit_that_no_layer_keeps_is_told(tmp_path: Path) -> None:
    source = stack(tmp_path / "stack.onnx")
    with pytest.raises(ExportFailed, match="120 dB above the noise"):
        _onnx_mixed.mixed_int8(source, rows(), Quantize(min_sqnr_db=120))


def test_no_layers_or_unknown_ones_are_refused(tmp_path: Path) -> None:
    source = stack(tmp_path / "stack.onnx")
    with pytest.raises(RefusedInput, match="no layer was named"):
        onnxruntime.quantize_layers(source, {}, rows(), SETTINGS, tmp_path / "out.onnx")
    with pytest.raises(ExportFailed, match="there is no layer layer 9"):
        onnxruntime.quantize_layers(source, {"layer 9": STATIC}, rows(), SETTINGS, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.slow
def test_multiplications_are_those_that_torch_counts(compiled: Compiled) -> None:
    model = _onnx_layers.named(onnx.load(compiled("onnxruntime", "fp32")))
    found = {node.name: _onnx_layers.multiplications(model, node) for node in _onnx_layers.heavy(model)}
    # by hand: outputs, times what each is a sum of
    assert found["image.0"] == 8 * 12 * 12 * 9
    assert found["image.3"] == 16 * 6 * 6 * 8 * 9
    assert found["fuse"] == (32 + 24) * 24
    assert "moe.router" not in found


def test_glue_goes_along_only_where_all_it_reads_is_chosen(tmp_path: Path) -> None:
    model = onnx.load(stack(tmp_path / "stack.onnx", layers=3))
    joined = helper.make_node("Concat", ["r0", "r1"], ["both"], "join", axis=1)
    model.graph.node.append(joined)
    assert _onnx_layers.with_glue(model, {"layer 0"}) == ["layer 0", "relu 0"]
    assert _onnx_layers.with_glue(model, {"layer 0", "layer 1"}) == ["layer 0", "relu 0", "layer 1", "relu 1", "join"]
    assert _onnx_layers.with_glue(model, set()) == []


def test_nodes_without_a_name_of_their_own_get_one() -> None:
    nodes = [helper.make_node("MatMul", [read, "w"], [given], name) for read, given, name in UNNAMED]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])
    out = helper.make_tensor_value_info("d", TensorProto.FLOAT, [1, 3])
    weight = numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")
    model = _onnx_layers.named(helper.make_model(helper.make_graph(nodes, "g", [given], [out], [weight])))
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == 4
    assert names[3] == "own"


UNNAMED = (("x", "a", ""), ("a", "b", "twice"), ("b", "c", "twice"), ("c", "d", "own"))
