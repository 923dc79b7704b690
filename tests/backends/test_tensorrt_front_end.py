"""What TensorRT-RTX's own parser and builder say: the lint is held against them, and so is every scheme."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np
import onnx
import pytest
import tensorrt_graphs as graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from l0gm_edge.backends import tensorrt
from l0gm_edge.backends._tensorrt_build import ask
from l0gm_edge.backends._tensorrt_lint import lint
from l0gm_edge.core import store
from l0gm_edge.core.engine import Answer, EngineDescription, EngineSettings, FrontEnd, Shapes
from l0gm_edge.core.errors import ExportFailed
from l0gm_edge.ondevice.tensorrt_build import why_not

Compiled = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def trt() -> ModuleType:
    module: ModuleType = pytest.importorskip(
        "tensorrt_rtx_bindings", reason="TensorRT-RTX (the extra trt-check) is not installed: its parser was not asked"
    )
    return module


def answer(trt: ModuleType, model: onnx.ModelProto, folder: Path) -> FrontEnd:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return ask(trt, path, EngineSettings())


@pytest.mark.parametrize("name", graphs.KNOWN)
def test_the_known_rejections_are_refused_by_lint_and_parser(name: str, trt: ModuleType, tmp_path: Path) -> None:
    model = graphs.BROKEN[name].model
    assert [problem.rule for problem in lint(model)]
    said = answer(trt, model, tmp_path)
    assert said.answer is Answer.REFUSED
    assert len(said.reason) > 20


@pytest.mark.parametrize("name", graphs.BROKEN)
def test_where_lint_and_parser_differ_is_written_down(name: str, trt: ModuleType, tmp_path: Path) -> None:
    said = answer(trt, graphs.BROKEN[name].model, tmp_path)
    assert (said.answer is Answer.REFUSED) == graphs.BROKEN[name].refused, said.reason


@pytest.mark.parametrize("name", graphs.SOUND)
def test_what_the_lint_passes_is_built(name: str, trt: ModuleType, tmp_path: Path) -> None:
    said = answer(trt, graphs.SOUND[name], tmp_path)
    assert said.answer is Answer.BUILT, said.reason
    assert said.layers
    assert said.by == f"tensorrt_rtx_bindings {trt.__version__}"


@settings(max_examples=40, deadline=None)
@given(
    zero=st.sampled_from([0, 0, 1, -128]),
    weight_zero=st.sampled_from([0, 0, 2]),
    kind=st.sampled_from([np.int8, np.int8, np.uint8, np.int16]),
    step=st.sampled_from([1e-12, 0.1, 1e6, 0.0, -1.0, np.nan]),
    bias=st.booleans(),
)
def test_what_the_parser_refuses_the_lint_has_refused(
    trt: ModuleType, zero: int, weight_zero: int, kind: type[np.generic], step: float, bias: bool
) -> None:
    zero = max(zero, int(np.iinfo(kind).min))
    model = graphs.linear(zero=zero, weight_zero=weight_zero, kind=kind, step=step, bias=bias)
    with TemporaryDirectory() as folder:
        said = answer(trt, model, Path(folder))
    assert said.answer is Answer.BUILT or lint(model), said.reason


@pytest.mark.slow
@pytest.mark.parametrize("scheme", tensorrt.SCHEMES)
def test_every_scheme_is_built(scheme: str, trt: ModuleType, compiled: Compiled) -> None:
    path = compiled("tensorrt", scheme)
    shipped = store.read_value(EngineDescription, path.with_suffix(tensorrt.DESCRIPTION))
    assert (shipped.model, shipped.sha256) == (path.name, store.file_sha256(path))
    assert shipped.front_end.answer is Answer.BUILT, shipped.front_end.reason
    assert why_not(shipped.settings.model_dump(), "10.3.0") is None
    assert why_not(shipped.settings.model_dump(), "11.0") is None


def test_free_axes_are_built_with_their_shapes(trt: ModuleType, tmp_path: Path) -> None:
    path = free_axes(tmp_path)
    shapes = {"x": Shapes(least=(1, 4), usual=(2, 4), largest=(8, 4))}
    description = tensorrt.describe(path, "fp32", EngineSettings(shapes=shapes, workspace_mb=64, optimization_level=1))
    assert description.front_end.answer is Answer.BUILT, description.front_end.reason
    assert description.inputs[0].shape == (-1, 4)


def test_a_file_that_is_refused_is_not_left_behind(
    trt: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that the lint passes and the parser does not, as later parsers may have."""

    def convert_all(files: dict[Path, Path]) -> None:
        for output in files.values():
            output.write_bytes(graphs.nonzero().SerializeToString())

    monkeypatch.setattr(tensorrt, "convert_all", convert_all)
    monkeypatch.setattr(tensorrt, "problems", lambda _: ())
    with pytest.raises(ExportFailed, match="NonZero") as failed:
        tensorrt.convert(tmp_path / "program.pt2", tmp_path / "out.trt.onnx")
    assert failed.value.todo
    assert list(tmp_path.iterdir()) == []


def free_axes(folder: Path) -> Path:
    node = onnx.helper.make_node("Relu", ["x"], ["y"], "node")
    path = folder / "free.onnx"
    made = graphs.model([node], [graphs.tensor("x", ["batch", 4])], [graphs.tensor("y", ["batch", 4])])
    path.write_bytes(made.SerializeToString())
    return path
