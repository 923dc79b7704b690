"""A model brought as a file or function becomes a bundle that answers like it, or is refused and leaves nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import foreign_files as foreign
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from l0gm_edge.backends import onnxruntime
from l0gm_edge.bundle.integrity import read
from l0gm_edge.bundle.verify import verify
from l0gm_edge.core.errors import L0GMEdgeError, MissingExtra, RefusedInput
from l0gm_edge.core.hardware import HardwareProfile, Runtime, Transport
from l0gm_edge.core.recipe import Measure
from l0gm_edge.core.session import Provider, Session
from l0gm_edge.core.verdict import Status
from l0gm_edge.pipeline import installed
from l0gm_edge.pipeline.bringing import compile_model, exit_status

QUICK = Measure(processes=1, blocks=2, runs_per_block=2)
TYPED = {name: (shape, "float32") for name, shape in foreign.SHAPES.items()}
importer = pytest.mark.skipif(find_spec("onnx2pytorch") is None, reason="the extra onnx-import is not installed")


def profile(*runtimes: str, schemes: Sequence[str] = ("fp32",), required: bool = True) -> HardwareProfile:
    names = runtimes or ("onnxruntime",)
    found = tuple(Runtime(name=one, schemes=tuple(schemes), required=required) for one in names)
    return HardwareProfile(name="bench", title="A bench", runtimes=found)


def shipped(folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The bundle's sample inputs, and what its first model shall answer."""
    manifest = read(folder)
    samples = dict(np.load(folder / manifest.samples))
    return samples, np.load(folder / manifest.models[0].expected)


def require_sound(folder: Path, wanted: Any) -> None:
    samples, expected = shipped(folder)
    np.testing.assert_allclose(expected, wanted(samples), atol=1e-5)
    assert {verdict.status for verdict in verify(folder).verdicts} == {Status.PASS}


def by_torch(samples: dict[str, np.ndarray]) -> np.ndarray:
    with torch.no_grad():
        return foreign.network()(**{name: torch.from_numpy(values) for name, values in samples.items()}).numpy()


def by_reference(model: Any) -> Any:
    return lambda samples: ReferenceEvaluator(model).run(None, samples)[0]


def test_an_onnx_file_becomes_a_bundle(tmp_path: Path) -> None:
    path = foreign.written(tmp_path / "scores.onnx", foreign.onnx_model())
    built = compile_model(str(path), profile(), out=tmp_path / "b", measure=QUICK)
    assert (built.name, [file.chosen for file in built.files]) == ("scores", [True])
    require_sound(tmp_path / "b", by_reference(foreign.onnx_model()))


@pytest.mark.parametrize("opset", [7, 13, 17, onnx.defs.onnx_opset_version()])
def test_old_and_new_operator_sets_do(tmp_path: Path, opset: int) -> None:
    path = foreign.written(tmp_path / "scores.onnx", foreign.onnx_model(opset=opset))
    compile_model(str(path), profile(), out=tmp_path / "b", measure=QUICK)
    require_sound(tmp_path / "b", by_reference(foreign.onnx_model()))


def test_a_program_becomes_a_bundle(tmp_path: Path) -> None:
    path = foreign.written(tmp_path / "scores.pt2", foreign.program())
    built = compile_model(str(path), profile(), out=tmp_path / "b", measure=QUICK)
    assert {spec.name: spec.shape for spec in built.files[0].artifact.inputs} == foreign.SHAPES
    require_sound(tmp_path / "b", by_torch)


def test_a_function_becomes_a_bundle(tmp_path: Path) -> None:
    here = [Path(foreign.__file__).parent]
    built = compile_model(
        "foreign_files:network", profile(), out=tmp_path / "b", shapes=TYPED, pythonpath=here, measure=QUICK
    )
    assert built.name == "network"
    require_sound(tmp_path / "b", by_torch)


def test_rows_that_are_given_make_ranges_and_samples(tmp_path: Path) -> None:
    path = foreign.written(tmp_path / "scores.onnx", foreign.onnx_model())
    rows = np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=rows)
    two = profile(schemes=("fp32", "static_int8"))
    built = compile_model(str(path), two, out=tmp_path / "b", calibration=tmp_path / "rows.npz", measure=QUICK)
    assert [file.artifact.scheme for file in built.files] == ["fp32", "static_int8"]
    assert built.left_out == ()
    assert all(file.why for file in built.files)
    np.testing.assert_array_equal(shipped(tmp_path / "b")[0]["x"], rows[:8])
    without = compile_model(str(path), two, out=tmp_path / "b", measure=QUICK)
    assert without.left_out == ("onnxruntime static_int8: give calibration inputs",)


def test_mixed_layers_of_a_file_are_timed(tmp_path: Path) -> None:
    path = foreign.written(tmp_path / "scores.onnx", foreign.onnx_model())
    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32))
    two = profile(schemes=("fp32", "mixed_int8"))
    built = compile_model(str(path), two, out=tmp_path / "b", calibration=tmp_path / "rows.npz", measure=QUICK)
    told = [*built.left_out, *(note for file in built.files for note in file.artifact.notes)]
    assert len(told) == 1
    assert "no choice of layers " in told[0] or "by what each takes on the device" in told[0]


def test_ids_are_named_and_lie_in_their_table(tmp_path: Path) -> None:
    path = foreign.written(tmp_path / "lookup.onnx", foreign.lookup_model())
    shapes = {"token.ids": ((1, 5), "int64")}
    compile_model(str(path), profile(), out=tmp_path / "b", shapes=shapes, measure=QUICK)
    require_sound(tmp_path / "b", lambda rows: by_reference(foreign.lookup_model())({"token.ids": rows["token_ids"]}))
    assert shipped(tmp_path / "b")[0]["token_ids"].max() > 1


@importer
@pytest.mark.slow
def test_an_onnx_file_reaches_tflite_through_torch(tmp_path: Path) -> None:
    path = foreign.written(tmp_path / "lookup.onnx", foreign.lookup_model())
    shapes = {"token.ids": ((1, 5), "int64")}
    built = compile_model(str(path), profile("onnxruntime", "tflite"), out=tmp_path / "b", shapes=shapes, measure=QUICK)
    assert [(file.artifact.runtime, file.chosen) for file in built.files] == [("onnxruntime", True), ("tflite", True)]
    assert all(verdict.status is Status.PASS for verdict in built.verdicts if verdict.check == "parity")
    assert "EMBEDDING_LOOKUP" in built.files[1].artifact.ops
    require_sound(tmp_path / "b", lambda rows: by_reference(foreign.lookup_model())({"token.ids": rows["token_ids"]}))


@importer
def test_what_the_importer_does_not_have_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = foreign.written(tmp_path / "deciding.onnx", deciding())
    with pytest.raises(RefusedInput) as caught:
        compile_model(str(path), profile("onnxruntime", "tflite"), out=tmp_path / "b", measure=QUICK)
    assert "no way from this model to tflite" in str(caught.value)
    assert "as .pt2" in str(caught.value)
    assert not (tmp_path / "b").exists()
    built = compile_model(
        str(path), profile("onnxruntime", "tflite", required=False), out=tmp_path / "b", measure=QUICK
    )
    assert [file.artifact.runtime for file in built.files] == ["onnxruntime"]
    assert built.left_out[0].startswith("tflite: ")


def test_without_the_importer_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "l0gm_edge.core.environment.find_spec", lambda name: None if name == "onnx2pytorch" else find_spec(name)
    )
    path = foreign.written(tmp_path / "scores.onnx", foreign.onnx_model())
    with pytest.raises(MissingExtra, match="onnx-import"):
        compile_model(str(path), profile("tflite"), out=tmp_path / "b", measure=QUICK)
    assert not (tmp_path / "b").exists()


def deciding() -> Any:
    """x, or its negative where its sum is not above 0."""
    value = helper.make_tensor_value_info
    branches = {
        key: helper.make_graph([helper.make_node(op, ["x"], [key])], key, [], [value(key, TensorProto.FLOAT, [1, 4])])
        for key, op in (("then_branch", "Identity"), ("else_branch", "Neg"))
    }
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["flag"]),
        helper.make_node("If", ["flag"], ["y"], **branches),
    ]
    graph = helper.make_graph(
        nodes,
        "deciding",
        [value("x", TensorProto.FLOAT, [1, 4])],
        [value("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(np.array(0, np.float32), "zero")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def growing() -> Any:
    """A tensor of 10^15 numbers between input and output."""
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
            helper.make_node("Expand", ["sum", "shape"], ["huge"]),
            helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0),
            helper.make_node("Add", ["x", "most"], ["y"]),
        ],
        "growing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(np.array([10**8, 10**7]), "shape")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def three_axes() -> Any:
    model = foreign.onnx_model(op="Unsqueeze")
    model.graph.node[1].input.append("axis")
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "axis"))
    return model


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cut.onnx", foreign.onnx_model().SerializeToString()[:60], "not an ONNX model"),
        ("cut.pt2", foreign.program()[:500], "not a program"),
        ("deep.onnx", three_axes(), "gives float32 of shape (1, 1, 3) for a row"),
        ("huge.onnx", growing(), "running the model as it is failed"),
        ("ms.onnx", foreign.onnx_model(op="Wrong", domain="com.microsoft"), "com.microsoft"),
        ("model.h5", b"x", "a file that ends in .onnx or .pt2"),
    ],
)
def test_what_cannot_be_compiled_is_refused_and_leaves_nothing(
    tmp_path: Path, name: str, content: Any, words: str
) -> None:
    path = foreign.written(tmp_path / name, content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RefusedInput) as caught:
        compile_model(str(path), profile(), out=tmp_path / "b", measure=QUICK)
    assert words in str(caught.value)
    assert caught.value.exit_status == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_a_function_needs_shapes_and_finite_weights(tmp_path: Path) -> None:
    (tmp_path / "broken_nets.py").write_text(
        "import torch\ndef broken():\n    net = torch.nn.Linear(4, 2)\n    net.weight.data[0, 0] = float('nan')\n"
        "    return net\n",
        encoding="utf-8",
    )
    for shapes, words in (({}, "--shape NAME=1x3x224x224"), ({"input": ((1, 4), "float32")}, "weight 'weight'")):
        with pytest.raises(L0GMEdgeError) as caught:
            compile_model("broken_nets:broken", profile(), out=tmp_path / "b", shapes=shapes, pythonpath=[tmp_path])
        assert words in str(caught.value)
        assert caught.value.exit_status == 2
    assert "broken_nets" not in sys.modules


@pytest.mark.parametrize(("versions", "words"), [(">=99", "runs onnxruntime >=99"), ("soon", "'soon' is no range")])
def test_a_range_that_leaves_out_what_is_installed_is_refused(tmp_path: Path, versions: str, words: str) -> None:
    path = foreign.written(tmp_path / "scores.onnx", foreign.onnx_model())
    with pytest.raises(RefusedInput) as caught:
        compile_model(str(path), ranged(versions), out=tmp_path / "b", measure=QUICK)
    assert words in str(caught.value)
    assert caught.value.exit_status == 2
    assert not (tmp_path / "b").exists()


def test_a_range_that_holds_what_is_installed_or_is_of_another_device_is_not() -> None:
    installed.require_versions(ranged(">=1,<99"))
    installed.require_versions(ranged(">=99").model_copy(update={"transport": Transport(kind="ssh")}))


def test_a_range_is_held_against_what_the_interpreter_of_the_profile_has() -> None:
    with pytest.raises(RefusedInput, match="runs onnxruntime >=99"):
        installed.require_versions(ranged(">=99").model_copy(update={"transport": Transport(python=sys.executable)}))


def test_a_provider_that_the_installed_runtime_lacks_is_refused(tmp_path: Path) -> None:
    path = foreign.written(tmp_path / "scores.onnx", foreign.onnx_model())
    nowhere = next(one for one in (Provider.COREML, Provider.NNAPI) if one.full_name not in onnxruntime.providers())
    session = Session(providers=(nowhere, Provider.CPU))
    runtime = Runtime(name="onnxruntime", schemes=("fp32",), session=session)
    asking = HardwareProfile(name="bench", title="A bench", runtimes=(runtime,))
    with pytest.raises(RefusedInput, match=f"built without {nowhere}") as caught:
        compile_model(str(path), asking, out=tmp_path / "b", measure=QUICK)
    assert caught.value.where == "hardware profile bench, runtimes[0].session.providers"
    assert "CPU" in str(caught.value.allowed)
    assert caught.value.exit_status == 2
    assert not (tmp_path / "b").exists()
    installed.require_providers(asking.model_copy(update={"transport": Transport(kind="ssh")}))


def ranged(versions: str) -> HardwareProfile:
    runtime = Runtime(name="onnxruntime", schemes=("fp32",), versions=versions)
    return HardwareProfile(name="bench", title="A bench", runtimes=(runtime,))


def test_a_required_runtime_without_a_file_fails_the_command(tmp_path: Path) -> None:
    path = foreign.written(tmp_path / "scores.onnx", foreign.onnx_model())
    built = compile_model(str(path), profile(), out=tmp_path / "b", measure=QUICK)
    assert exit_status(built, profile("onnxruntime", "tflite")) == 1
    assert exit_status(built, profile()) in (0, 3)
