"""What trtexec is called with, and how it tells its version."""

from __future__ import annotations

from pathlib import Path

import pytest

from l0gm_edge.core.engine import EngineSettings, Shapes
from l0gm_edge.ondevice import trtexec


def test_what_trtexec_is_called_with() -> None:
    shapes = {name: Shapes(least=(1, 4), usual=(2, 4), largest=(8, 4)) for name in ("b", "a:0")}
    settings = EngineSettings(
        shapes=shapes,
        workspace_mb=512,
        optimization_level=4,
        dla_core=0,
        trtexec={"sparsity": "enable", "dumpRefit": None},
    )
    assert trtexec.build_options("small.trt.onnx", settings.model_dump(), "10.3.0", "e.engine", "t.cache") == [
        "--onnx=small.trt.onnx",
        "--saveEngine=e.engine",
        "--profilingVerbosity=detailed",
        "--stronglyTyped",
        "--minShapes='a:0':1x4,b:1x4",
        "--optShapes='a:0':2x4,b:2x4",
        "--maxShapes='a:0':8x4,b:8x4",
        "--memPoolSize=workspace:512M",
        "--builderOptimizationLevel=4",
        "--useDLACore=0",
        "--allowGPUFallback",
        "--timingCacheFile=t.cache",
        "--dumpRefit",
        "--sparsity=enable",
    ]


def test_trtexec_11_gets_nothing_that_it_lost() -> None:
    settings = EngineSettings(timing_cache=False).model_dump()
    options = trtexec.build_options("small.trt.onnx", settings, "11.0", "e.engine", "t.cache")
    assert options == ["--onnx=small.trt.onnx", "--saveEngine=e.engine", "--profilingVerbosity=detailed"]


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ("v100300] [b26", "10.3.0"),
        ("v101303", "10.13.3"),
        ("v110100] [b106", "11.1.0"),
        ("v8601", "8.6.1"),
        ("v11.1.0.106", "11.1.0.106"),
    ],
)
def test_the_version_stands_in_the_banner(banner: str, version: str, tmp_path: Path) -> None:
    assert (
        trtexec.version(saying(f"&&&& RUNNING TensorRT.trtexec [TensorRT {banner}] # trtexec --help", tmp_path))
        == version
    )


def test_another_program_of_that_name_is_not_believed(tmp_path: Path) -> None:
    with pytest.raises(trtexec.TrtexecError, match="does not tell its version"):
        trtexec.version(saying("usage: trtexec", tmp_path))


def saying(text: str, folder: Path) -> str:
    program = folder / "trtexec"
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o755)
    return str(program)
