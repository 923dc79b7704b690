"""Finding the first layer that diverges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from l0gm_edge.check.divergence import first_apart, first_divergence
from l0gm_edge.check.tensors import Tensor, onnxruntime

LAYERS = ("first", "second", "third")
DRAW = np.random.default_rng(0)
WEIGHTS = {name: (DRAW.normal(size=(4, 4)) / 2).astype(np.float32) for name in LAYERS}
INPUTS = {"x": DRAW.normal(size=(6, 4)).astype(np.float32)}


def chain(path: Path, weights: dict[str, np.ndarray]) -> Path:
    """Three linear layers in a row, as an ONNX file."""
    values = ["x", "a", "b", "y"]
    nodes = [
        helper.make_node("MatMul", [values[k], f"{name}.weight"], [values[k + 1]], name=name)
        for k, name in enumerate(LAYERS)
    ]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(value, f"{name}.weight") for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.mark.parametrize("broken", LAYERS)
def test_the_layer_that_was_broken_is_named(broken: str, tmp_path: Path) -> None:
    sound = chain(tmp_path / "sound.onnx", WEIGHTS)
    other = chain(tmp_path / "other.onnx", WEIGHTS | {broken: -WEIGHTS[broken]})
    assert first_divergence("onnxruntime", sound, other, INPUTS) == broken


def test_a_rounding_is_no_divergence(tmp_path: Path) -> None:
    sound = chain(tmp_path / "sound.onnx", WEIGHTS)
    rounded = {name: (np.round(value * 64) / 64).astype(np.float32) for name, value in WEIGHTS.items()}
    assert first_divergence("onnxruntime", sound, chain(tmp_path / "other.onnx", rounded), INPUTS) is None


def test_tensors_are_those_of_a_plain_computation(tmp_path: Path) -> None:
    found = onnxruntime.tensors(chain(tmp_path / "sound.onnx", WEIGHTS), INPUTS)
    expected = INPUTS["x"]
    for (layer, values), name in zip(found.values(), LAYERS, strict=True):
        expected = expected @ WEIGHTS[name]
        assert layer == name
        np.testing.assert_allclose(values[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_a_runtime_that_cannot_be_looked_into_names_nothing(tmp_path: Path) -> None:
    assert first_divergence("abacus", tmp_path / "a", tmp_path / "b", INPUTS) is None


def test_nan_diverges_and_other_shapes_are_passed_over() -> None:
    ones = np.ones((2, 3), np.float32)
    reference = {"a": Tensor("first", ones), "b": Tensor("second", ones)}
    other = {"a": Tensor("first", np.ones((2, 4), np.float32)), "b": Tensor("second", np.full_like(ones, np.nan))}
    assert first_apart(reference, other) == "second"
    assert first_apart(reference, reference) is None
