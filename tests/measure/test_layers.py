"""Operator times as values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from fake_device import FakeDevice
from onnx import TensorProto, helper, numpy_helper

from l0gm_edge.core.measurement import LayerTime
from l0gm_edge.core.opening import Opening
from l0gm_edge.devices import CommandResult, Outcome
from l0gm_edge.measure import layers
from l0gm_edge.measure.job import ModelFile

MODEL = ModelFile(name="m", path="m.tflite", sha256="0" * 64, runtime="tflite", threads=2)


def test_the_runtimes_program_is_asked_with_the_models_threads(device: FakeDevice) -> None:
    said = '{"layers": [{"name": "a", "op": "Add", "mean_ns": 7}], "fallback_ops": ["Add"]}'
    device.answer = lambda _: CommandResult(outcome=Outcome.OK, status=0, stdout=said, stderr="")
    found = layers.measure(device, MODEL, runs=30)
    assert found.layers == (LayerTime(name="a", op="Add", mean_ns=7),)
    assert (found.fallback_ops, found.unavailable) == (("Add",), None)
    assert device.commands == [["tflite_layers.py", "m.tflite", "2", "30"]]


def test_layers_that_ran_in_float_between_conversions_are_among_the_fallen(device: FakeDevice, tmp_path: Path) -> None:
    said = '{"layers": [{"name": "a", "op": "Gemm", "mean_ns": 7}], "fallback_ops": [], "graph": "m.ran"}'
    device.answer = lambda _: CommandResult(outcome=Outcome.OK, status=0, stdout=said, stderr="")
    onnx.save(unfused(), tmp_path / "here")
    device.put(tmp_path / "here", "m.ran")
    model = MODEL.model_copy(update={"path": "m.onnx", "runtime": "onnxruntime"})
    found = layers.measure(device, model, graph=tmp_path / "ran")
    assert found.fallback_ops == ("Gemm of a (float between conversions)",)
    assert device.commands == [["onnxruntime_layers.py", "m.onnx", "2", "100", Opening().model_dump_json(), "m.ran"]]
    assert (tmp_path / "ran").is_file()
    (tmp_path / "here").write_bytes(b"no graph")
    device.put(tmp_path / "here", "m.ran")
    assert "not an ONNX model" in (layers.measure(device, model, graph=tmp_path / "ran").unavailable or "")


def unfused() -> onnx.ModelProto:
    """A Gemm whose weights are dequantized at each inference, and one whose input alone is."""
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["wf"], "dq"),
        helper.make_node("Gemm", ["x", "wf"], ["y"], "a"),
        helper.make_node("DequantizeLinear", ["q", "s"], ["qf"], "dq 2"),
        helper.make_node("Gemm", ["y", "qf"], ["z"], "b"),
    ]
    given = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2]),
        helper.make_tensor_value_info("q", TensorProto.INT8, [2, 2]),
    ]
    constants = [numpy_helper.from_array(np.ones((2, 2), np.int8), "w"), numpy_helper.from_array(np.float32(1), "s")]
    out = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 2])]
    return helper.make_model(helper.make_graph(nodes, "g", given, out, constants))


@pytest.mark.parametrize("said", ["", "[]", '{"layers": [{"name": "a", "op": "Add", "mean_ns": 0}]}'])
def test_what_is_no_profile_is_unavailable_with_the_reason(device: FakeDevice, said: str) -> None:
    device.answer = lambda _: CommandResult(outcome=Outcome.OK, status=0, stdout=said, stderr="")
    found = layers.measure(device, MODEL)
    assert found.layers == ()
    assert found.unavailable is not None
    assert found.unavailable.startswith("tflite_layers.py printed what is no profile")
