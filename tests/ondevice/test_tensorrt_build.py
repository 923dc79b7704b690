"""Which TensorRT may build what, and the real parser and builder of TensorRT-RTX through the program of the device."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tensorrt_graphs as graphs
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.engine import EngineSettings
from l0gm_edge.ondevice import tensorrt_build
from l0gm_edge.ondevice.tensorrt_build import numbers, why_not

PROGRAM = Path(tensorrt_build.__file__)
VERSIONS = st.tuples(st.integers(8, 12), st.integers(0, 15), st.integers(0, 3)).map(lambda v: ".".join(map(str, v)))


def settings(**given: object) -> dict[str, object]:
    return EngineSettings.model_validate(given).model_dump()


@given(VERSIONS)
def test_versions_are_compared_as_numbers(version: str) -> None:
    major, minor, _ = numbers(version)
    assert (why_not(settings(), version) is None) == ((major, minor) >= (10, 3) and major < 12)
    assert (why_not(settings(dla_core=0), version) is None) == (major == 10 and 3 <= minor <= 7)
    assert (why_not(settings(), version, implicit=True) is None) == (major == 10 and minor >= 3)


def test_why_not_is_told() -> None:
    assert why_not(settings(), "10.2") == "TensorRT 10.2 may not build this; allowed: 10.3 and later, before 12"
    assert "DLA no later than 10.7" in str(why_not(settings(dla_core=0), "10.9"))
    assert "before 11, which has no calibrator" in str(why_not(settings(), "11.0.0.114", implicit=True))
    with pytest.raises(ValueError, match="'new' is no version"):
        why_not(settings(), "new")


def order(folder: Path) -> Path:
    (folder / "model.onnx").write_bytes(graphs.linear().SerializeToString())
    path = folder / "order.json"
    wanted = {
        "package": "tensorrt_rtx_bindings",
        "model": str(folder / "model.onnx"),
        "settings": settings(workspace_mb=64, optimization_level=1),
        "engine": str(folder / "made.engine"),
        "timing_cache": None,
        "calibration": None,
    }
    path.write_text(json.dumps(wanted))
    return path


def test_the_program_builds_for_real_and_says_why_it_cannot_load(tmp_path: Path) -> None:
    """TensorRT-RTX builds without a GPU and loads nothing without one: what was built is then not left behind."""
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT-RTX (the extra trt-check) is not installed")
    command = [sys.executable, str(PROGRAM), str(order(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:  # there is a GPU
        assert json.loads(json.loads(done.stdout)["layers"])["Layers"]
        return
    assert done.stderr.startswith("it was built, and cannot be loaded:")
    assert not (tmp_path / "made.engine").exists()


def test_what_the_parser_refuses_is_told(tmp_path: Path) -> None:
    trt = pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT-RTX (the extra trt-check) is not installed")
    model = tmp_path / "model.onnx"
    model.write_bytes(graphs.BROKEN["zero point"].model.SerializeToString())
    built = tensorrt_build.build(trt, str(model), settings())
    assert built.engine is None
    assert len(built.reason) > 20
