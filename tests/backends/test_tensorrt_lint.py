from __future__ import annotations

import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
import tensorrt_graphs as graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from l0gm_edge.backends import tensorrt
from l0gm_edge.backends._tensorrt_graph import in_order
from l0gm_edge.backends._tensorrt_lint import RULES, lint
from l0gm_edge.core.errors import RefusedInput


@pytest.mark.parametrize("name", graphs.SOUND)
def test_a_sound_graph_has_no_problem(name: str) -> None:
    assert lint(graphs.SOUND[name]) == ()


@pytest.mark.parametrize("name", graphs.BROKEN)
def test_a_broken_graph_breaks_its_rule_and_no_other(name: str) -> None:
    found = lint(graphs.BROKEN[name].model)
    assert {problem.rule for problem in found} == {graphs.BROKEN[name].rule}
    for problem in found:
        assert problem.node in str(problem)
        assert problem.what in str(problem)
        assert problem.todo in str(problem)


def test_every_rule_is_broken_by_some_graph() -> None:
    assert {rule.__name__.replace("_", "-") for rule in RULES} == {broken.rule for broken in graphs.BROKEN.values()}


@pytest.mark.parametrize(
    ("name", "node"), [("int32 bias", "bias"), ("zero point", "quantize"), ("int4 experts", "weight")]
)
def test_a_problem_names_its_node(name: str, node: str) -> None:
    assert node in {problem.node for problem in lint(graphs.BROKEN[name].model)}


@given(st.integers(-128, 127), st.integers(-128, 127), st.floats(1e-6, 1e3), st.booleans())
def test_only_symmetric_pairs_with_float_biases_pass(zero: int, weight_zero: int, step: float, bias: bool) -> None:
    made = graphs.linear(zero=zero, weight_zero=weight_zero, step=step, bias=bias)
    expected = {"zero-point"} if zero or weight_zero else set()
    assert {problem.rule for problem in lint(made)} == expected | ({"bias"} if bias else set())


@given(st.permutations(range(4)))
def test_the_order_of_nodes_does_not_matter(order: list[int]) -> None:
    made = graphs.linear(zero=1)
    nodes = [made.graph.node[index] for index in order]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    assert {problem.rule for problem in lint(made)} == {"zero-point"}
    onnx.checker.check_model(in_order(made))


def test_nodes_that_wait_for_each_other_are_refused() -> None:
    nodes = [
        onnx.helper.make_node("Relu", ["b"], ["a"], "first"),
        onnx.helper.make_node("Relu", ["a"], ["b"], "second"),
    ]
    circle = graphs.model(nodes, [], [graphs.tensor("a", [1])])
    with pytest.raises(RefusedInput, match=r"(first|second), (first|second)"):
        lint(circle)


def test_a_constant_node_is_as_good_as_a_stored_constant() -> None:
    made = graphs.largest(None, before=[onnx.helper.make_node("Constant", [], ["k"], value_ints=[2])])
    assert lint(made) == ()
    made = graphs.largest(None, 5000, [onnx.helper.make_node("Constant", [], ["k"], value_ints=[4000])])
    assert {problem.rule for problem in lint(made)} == {"largest-k"}


def test_a_zero_point_outside_the_file_is_a_problem() -> None:
    made = graphs.linear()
    (zero,) = (held for held in made.graph.initializer if held.name == "x_zero")
    zero.ClearField("raw_data")
    zero.data_location = onnx.TensorProto.EXTERNAL
    zero.external_data.add(key="location", value="../../secret")
    assert {problem.rule for problem in lint(made)} == {"zero-point"}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(graphs.SOUND)), st.integers(0, 2**16), st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused_by_name(name: str, at: int, byte: int) -> None:
    content = bytearray(graphs.SOUND[name].SerializeToString())
    content[at % len(content)] = byte
    with TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.onnx"
        path.write_bytes(content)
        with contextlib.suppress(RefusedInput):
            assert all(": " in problem for problem in tensorrt.problems(path))


def test_problems_of_a_file_are_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(graphs.BROKEN["zero point"].model, path)
    told = tensorrt.problems(path)
    assert told[0] == "zero-point: quantize: its zero point is not 0; quantize symmetrically"
    assert np.size(told) == 2
