"""An .onnx file from outside is read whole, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign_files as foreign
import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from l0gm_edge.compile import onnx_source
from l0gm_edge.core.errors import RefusedInput

FUZZ = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
X = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)


def read(tmp_path: Path, model: Any) -> onnx.ModelProto:
    return onnx_source.read(foreign.written(tmp_path / "model.onnx", model))


def answer(model: onnx.ModelProto) -> np.ndarray:
    return ReferenceEvaluator(model).run(None, {"x": X})[0]


def external(tmp_path: Path, **noted: Any) -> onnx.ModelProto:
    """The model with its weight in `weights.bin`, as far as `noted` does not say otherwise."""
    model = foreign.onnx_model()
    (weight,) = model.graph.initializer
    (tmp_path / "weights.bin").write_bytes(bytes(16) + weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "weights.bin", "offset": 16, "length": 48, **noted}.items():
        weight.external_data.add(key=key, value=str(value))
    return model


def function(calls: str) -> onnx.ModelProto:
    """The model with its last operator as a function `Mine`, which calls `calls`."""
    model = foreign.onnx_model(op="Mine", domain="own")
    node = helper.make_node(calls, ["a"], ["b"], domain="own" if calls == "Mine" else "")
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    model.functions.append(helper.make_function("own", "Mine", ["a"], ["b"], [node], opsets))
    return model


def test_a_sound_file_is_read_as_it_is(tmp_path: Path) -> None:
    model = foreign.onnx_model()
    assert read(tmp_path, model) == model


def test_weights_beside_the_file_are_brought_in(tmp_path: Path) -> None:
    found = read(tmp_path, external(tmp_path))
    np.testing.assert_array_equal(answer(found), answer(foreign.onnx_model()))


def test_local_functions_are_put_in_line(tmp_path: Path) -> None:
    found = read(tmp_path, function("Relu"))
    assert not found.functions
    np.testing.assert_array_equal(answer(found), answer(foreign.onnx_model()))


@pytest.mark.parametrize(
    ("noted", "words"),
    [
        ({"location": "../weights.bin"}, "outside the model's folder"),
        ({"location": "/etc/passwd"}, "outside the model's folder"),
        ({"location": "sub/../../x"}, "outside the model's folder"),
        ({"location": ""}, "outside the model's folder"),
        ({"location": "link.bin"}, "outside the model's folder"),
        ({"location": "absent.bin"}, "is not there"),
        ({"location": "."}, "is not there"),
        ({"offset": 17}, "does not hold them"),
        ({"offset": -1}, "does not hold them"),
        ({"offset": "x"}, "makes no sense"),
        ({"length": 10**15}, "does not hold them"),
        ({"location": "a\0b"}, "makes no sense"),
    ],
)
def test_weights_elsewhere_are_refused(tmp_path: Path, noted: dict[str, Any], words: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "weights.bin").write_bytes(bytes(100))
    (folder / "link.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(RefusedInput) as caught:
        read(folder, external(folder, **noted))
    assert words in str(caught.value)
    assert "'w'" in str(caught.value)


def shaped(*dims: int) -> onnx.ModelProto:
    model = foreign.onnx_model()
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend(dims)
    return model


def circle() -> onnx.ModelProto:
    return function("Mine")


def growing() -> onnx.ModelProto:
    """Thirty functions, each of which calls the next one four times."""
    model = foreign.onnx_model(op="f0", domain="own")
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    for number in range(30):
        called = {"op_type": f"f{number + 1}", "domain": "own"} if number < 29 else {"op_type": "Relu", "domain": ""}
        names = ["a", "b", "c", "d", "e"]
        nodes = [helper.make_node(inputs=[names[i]], outputs=[names[i + 1]], **called) for i in range(4)]
        model.functions.append(helper.make_function("own", f"f{number}", ["a"], ["e"], nodes, opsets))
    return model


def not_text() -> bytes:
    return foreign.onnx_model().SerializeToString().replace(b"MatMul", b"MatMu\xec")


def without(part: str) -> onnx.ModelProto:
    model = foreign.onnx_model()
    (model if part == "opset_import" else model.graph).ClearField(part)
    return model


def nested() -> onnx.ModelProto:
    """A NaN inside a branch."""
    model = foreign.onnx_model(op="Relu")
    constant = helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.array([np.nan, 1.0]), "inner"))
    branch = helper.make_graph([constant], "b", [], [helper.make_tensor_value_info("k", TensorProto.DOUBLE, [2])])
    flag = numpy_helper.from_array(np.ones((), bool), "flag")
    model.graph.initializer.append(flag)
    model.graph.node.append(helper.make_node("If", ["flag"], ["z"], then_branch=branch, else_branch=branch))
    return model


def newer() -> onnx.ModelProto:
    model = foreign.onnx_model()
    model.ir_version = 99
    return model


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (b"", "lacks a version"),
        (b"no model at all, but text", "cannot be parsed"),
        (not_text(), "a name in it is no text"),
        (newer(), "IR version 99"),
        (foreign.onnx_model(opset=999), "operator set 999"),
        (without("opset_import"), "lacks a version"),
        (without("node"), "lacks operators"),
        (without("input"), "lacks operators"),
        (foreign.onnx_model(op="Quux"), "there is no operator Quux in operator set 20"),
        (foreign.onnx_model(op="Upsample"), "there is no operator Upsample in operator set 20"),
        (foreign.onnx_model(op="Gelu", opset=17), "there is no operator Gelu in operator set 17"),
        (foreign.onnx_model(op="Fancy", domain="my.lab"), "operator my.lab.Fancy of another domain"),
        (shaped(10**6, 10**6), "absurdly large"),
        (shaped(4, 4), "does not hold what its shape says"),
        (shaped(-4, -3), "has shape"),
        (circle(), "calls itself"),
        (growing(), "more than 1,000,000 operators"),
        (foreign.onnx_model(weight=np.full((4, 3), np.nan, np.float32)), "weight 'w' is not finite: 12 NaN"),
        (foreign.onnx_model(weight=np.full((4, 3), np.inf, np.float16)), "weight 'w' is not finite"),
        (nested(), "weight 'inner' is not finite"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(tmp_path: Path, model: Any, words: str) -> None:
    with pytest.raises(RefusedInput) as caught:
        read(tmp_path, model)
    assert words in str(caught.value)
    assert caught.value.exit_status == 2


def test_an_attention_mask_is_no_broken_weight(tmp_path: Path) -> None:
    mask = np.where(np.eye(4, 3, dtype=bool), 0, -np.inf).astype(np.float32)
    assert read(tmp_path, foreign.onnx_model(weight=mask)).graph.node


@FUZZ
@given(share=st.floats(0, 0.999))
def test_a_file_cut_short_never_passes_for_the_model(tmp_path: Path, share: float) -> None:
    content = foreign.onnx_model().SerializeToString()
    try:
        found = read(tmp_path, content[: int(share * len(content))])
    except RefusedInput:
        return
    assert found.graph == foreign.onnx_model().graph  # what is missing is the version of its operators at most


@FUZZ
@given(
    flips=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(1, 255)), min_size=1, max_size=4),
    model=st.sampled_from([foreign.onnx_model(), foreign.lookup_model(), function("Relu"), nested()]),
)
def test_flipped_bytes_are_refused_or_read(tmp_path: Path, flips: list[tuple[float, int]], model: Any) -> None:
    content = bytearray(model.SerializeToString())
    for place, value in flips:
        content[int(place * len(content))] ^= value
    try:
        found = read(tmp_path, bytes(content))
    except RefusedInput:
        return
    assert found.graph.node
