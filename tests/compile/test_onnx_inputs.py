"""Free axes of a foreign graph become fixed, or the axis is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign_files as foreign
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from l0gm_edge.compile import onnx_inputs
from l0gm_edge.core.artifact import TensorSpec
from l0gm_edge.core.errors import RefusedInput

PATH = Path("model.onnx")


def test_the_batch_becomes_one_and_the_graph_computes_the_same() -> None:
    fixed = onnx_inputs.fix(foreign.onnx_model(), {}, PATH)
    assert fixed.inputs == (TensorSpec(name="x", shape=(1, 4), dtype="float32"),)
    row = {"x": np.ones((1, 4), np.float32)}
    (found,) = ReferenceEvaluator(fixed.model).run(None, row)
    np.testing.assert_array_equal(found, ReferenceEvaluator(foreign.onnx_model()).run(None, row)[0])


@given(length=st.integers(1, 40))
def test_ids_get_a_callable_name_a_length_and_the_size_of_their_table(length: int) -> None:
    fixed = onnx_inputs.fix(foreign.lookup_model(), {"token.ids": (1, length)}, PATH)
    assert fixed.inputs == (TensorSpec(name="token_ids", shape=(1, length), dtype="int64"),)
    assert fixed.below == {"token_ids": 7}
    ids = np.arange(length)[None] % 7
    (found,) = ReferenceEvaluator(fixed.model).run(None, {"token_ids": ids})
    (wanted,) = ReferenceEvaluator(foreign.lookup_model()).run(None, {"token.ids": ids})
    np.testing.assert_array_equal(found, wanted)


def test_an_axis_of_the_same_name_is_fixed_with_it() -> None:
    model = foreign.lookup_model()
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["n", "t"]))
    fixed = onnx_inputs.fix(model, {"token_ids": (1, 5)}, PATH)
    assert [spec.shape for spec in fixed.inputs] == [(1, 5), (1, 5)]


def retyped(kind: int) -> Any:
    model = foreign.onnx_model()
    model.graph.input[0].type.tensor_type.elem_type = kind
    return model


def with_outputs(*names: str) -> Any:
    model = foreign.onnx_model()
    for name in names:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]))
    return model


@pytest.mark.parametrize(
    ("model", "shapes", "words"),
    [
        (foreign.lookup_model(), {}, "axis 1 ('t') of input 'token.ids' is free"),
        (foreign.lookup_model(), {"token.ids": (1,)}, "1 axes, and it has 2"),
        (foreign.lookup_model(), {"ids": (1, 4)}, "the model's inputs are token.ids"),
        (foreign.lookup_model(), {"token.ids": (1, 2**40)}, "absurd shape"),
        (foreign.onnx_model(), {"x": (1, 5)}, "axis 1 of 'x' size 5; the model fixes 4"),
        (foreign.onnx_model(batch=4), {}, "takes 4 rows at once"),
        (retyped(TensorProto.STRING), {}, "input 'x' is string"),
        (retyped(TensorProto.INT32), {}, "input 'x' is int32"),
        (retyped(999), {}, "input 'x' is undefined"),
        (with_outputs("h"), {}, "it has the outputs y, h"),
        (foreign.onnx_model(op="DequantizeLinear"), {}, "quantized already (DequantizeLinear)"),
        (foreign.onnx_model(weight=np.zeros((4, 3), np.float16)), {}, "weight 'w' is float16"),
    ],
)
def test_what_cannot_be_fixed_is_refused_by_name(model: Any, shapes: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedInput) as caught:
        onnx_inputs.fix(model, shapes, PATH)
    assert words in str(caught.value)


def test_of_several_outputs_the_logits_stay() -> None:
    model = with_outputs("logits")
    model.graph.node.append(helper.make_node("Neg", ["y"], ["logits"]))
    fixed = onnx_inputs.fix(model, {}, PATH)
    assert [output.name for output in fixed.model.graph.output] == ["logits"]
