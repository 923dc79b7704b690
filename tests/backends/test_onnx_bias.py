"""Bias correction puts the means back where int8 moved them, and is kept only where rows that it did not see say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from l0gm_edge.backends import STATIC, _onnx_layers, _onnx_noise, _onnx_pairs, onnxruntime
from l0gm_edge.backends._onnx_bias import corrected
from l0gm_edge.core.recipe import Quantize

SETTINGS = Quantize(ranges="min_max", subset_size=64)
LAYERS = ("first", "second", "third")


def network(path: Path) -> Path:
    """A convolution, a Gemm and a MatMul with an Add, each with a bias; few enough weights that rounding has a sign."""
    draw = np.random.default_rng(0)
    tensors = {
        "w0": draw.normal(size=(6, 2, 3, 3)),
        "b0": draw.normal(size=6),
        "w1": draw.normal(size=(6 * 16, 12)),
        "b1": draw.normal(size=12),
        "w2": draw.normal(size=(12, 5)),
        "b2": draw.normal(size=5),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c"], "first", pads=[0] * 4),
        helper.make_node("Relu", ["c"], ["cr"], "relu"),
        helper.make_node("Flatten", ["cr"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w1", "b1"], ["g"], "second"),
        helper.make_node("Relu", ["g"], ["gr"], "relu 2"),
        helper.make_node("MatMul", ["gr", "w2"], ["m"], "third"),
        helper.make_node("Add", ["m", "b2"], ["y"], "add"),
    ]
    graph = helper.make_graph(
        nodes,
        "biased",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in tensors.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)
    return path


def rows(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    values = np.random.default_rng(seed).uniform(0, 1, size=(count, 2, 6, 6))
    return {"x": values.astype(np.float32)}


def samples(count: int, seed: int = 1) -> list[dict[str, np.ndarray]]:
    return [{"x": row[None]} for row in rows(count, seed)["x"]]


def test_means_are_those_of_the_float_model(tmp_path: Path) -> None:
    model = _onnx_layers.named(onnx.load(network(tmp_path / "m.onnx")))
    found = _onnx_pairs.ranges(model, samples(64), SETTINGS)
    coarse = {name: (low * 8, high * 8) for name, (low, high) in found.items()}  # so coarse that means move
    better = corrected(model, LAYERS, coarse, samples(64))

    def answers(one: onnx.ModelProto, *, int8: bool) -> np.ndarray:
        made = _onnx_pairs.with_pairs(one, _onnx_layers.with_glue(one, LAYERS), coarse) if int8 else one
        return np.stack(np.split(_onnx_noise.outputs(made, samples(64))[0], 64))

    wanted = answers(model, int8=False).mean(0)
    off = np.abs(answers(model, int8=True).mean(0) - wanted).max()
    assert np.abs(answers(better, int8=True).mean(0) - wanted).max() < off / 2
    assert [(t.name) for t in better.graph.initializer] == [t.name for t in model.graph.initializer]
    changed = {
        one.name
        for one, other in zip(model.graph.initializer, better.graph.initializer, strict=True)
        if one.SerializeToString() != other.SerializeToString()
    }
    assert changed == {"b0", "b1", "b2"}, "weights stay"


@pytest.mark.parametrize("percentile", [99.99, 80.0])
def test_it_stays_only_if_rows_that_it_did_not_see_have_less_noise(percentile: float, tmp_path: Path) -> None:
    source = network(tmp_path / "m.onnx")
    plain = Quantize(ranges="percentile", percentile=percentile)
    for name, settings in (("plain", plain), ("settled", plain.model_copy(update={"correct_bias": True}))):
        onnxruntime.quantize_layers(
            source, dict.fromkeys(LAYERS, STATIC), rows(64), settings, tmp_path / f"{name}.onnx"
        )
    assert onnxruntime.inspect(tmp_path / "plain.onnx").notes == ()
    (note,) = onnxruntime.inspect(tmp_path / "settled.onnx").notes
    expected = _onnx_noise.outputs(onnx.load(source), samples(64)[1::2])
    noise = {
        name: _onnx_noise.noise(_onnx_noise.outputs(onnx.load(tmp_path / f"{name}.onnx"), samples(64)[1::2]), expected)
        for name in ("plain", "settled")
    }
    if note.startswith("bias correction stays: "):
        assert noise["settled"] < noise["plain"]
    else:
        assert note.startswith("bias correction is left off: ")
        assert (tmp_path / "settled.onnx").stat().st_size > (tmp_path / "plain.onnx").stat().st_size, "the note"
        assert noise["settled"] == noise["plain"]


def test_one_row_is_too_few_and_that_is_said(tmp_path: Path) -> None:
    settings = Quantize(correct_bias=True)
    onnxruntime.quantize(network(tmp_path / "m.onnx"), "static_int8", rows(1), settings, tmp_path / "out.onnx")
    assert onnxruntime.inspect(tmp_path / "out.onnx").notes == (
        "bias correction is left off: it takes 2 calibration rows or more",
    )
