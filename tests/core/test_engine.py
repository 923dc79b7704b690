from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from l0gm_edge.core.engine import (
    Answer,
    EngineDescription,
    EngineSettings,
    FrontEnd,
    Shapes,
    engine_key,
    numbers,
    trtexec_options,
)

VERSIONS = st.tuples(st.integers(8, 12), st.integers(0, 15), st.integers(0, 3)).map(lambda v: ".".join(map(str, v)))


def description(settings: EngineSettings | None = None, sha256: str = "0" * 64) -> EngineDescription:
    return EngineDescription(
        model="small.trt.onnx",
        sha256=sha256,
        scheme="fp16",
        opset=20,
        inputs=(),
        outputs=(),
        precisions={},
        settings=settings or EngineSettings(),
        front_end=FrontEnd(answer=Answer.NOT_VERIFIED, by=None, reason="not asked"),
    )


def test_a_change_of_anything_makes_another_key() -> None:
    usual = ("10.3.0", "8.7", "6.1")
    keys = [
        engine_key(description(), *usual),
        engine_key(description(sha256="1" * 64), *usual),
        engine_key(description(EngineSettings(workspace_mb=1)), *usual),
        engine_key(description(), "10.3.1", "8.7", "6.1"),
        engine_key(description(), "10.3.0", "8.9", "6.1"),
        engine_key(description(), "10.3.0", "8.7", "6.2"),
        engine_key(description(), "10.3.0", "8.7", None),
    ]
    assert len({key.file for key in keys}) == len(keys)
    assert engine_key(description(), *usual).file == keys[0].file


def test_what_a_front_end_said_does_not_make_another_engine() -> None:
    built = FrontEnd(answer=Answer.BUILT, by="tensorrt 10.3.0", reason="parsed and built")
    verified = description().model_copy(update={"front_end": built})
    assert engine_key(verified, "10.3", "8.7", None) == engine_key(description(), "10.3", "8.7", None)


@given(VERSIONS)
def test_versions_are_compared_as_numbers(version: str) -> None:
    major, minor, _ = numbers(version)
    assert EngineSettings().allows(version) == ((major, minor) >= (10, 3) and major < 12)
    assert EngineSettings(dla_core=0).allows(version) == (major == 10 and 3 <= minor <= 7)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"oldest": "11", "before": "10.3"}, "no TensorRT is at least 11"),
        ({"dla_core": 0, "oldest": "10.8"}, "no TensorRT after 10.7 has DLA"),
        ({"trtexec": {"onnx": "other"}}, "set from other keys"),
        ({"trtexec": {"int8": None}}, "precision is in the ONNX file"),
        ({"trtexec": {"a b": "x"}}, "should match pattern"),
        ({"optimization_level": 6}, "less than or equal to 5"),
        ({"oldest": "latest"}, "should match pattern"),
        ({"workspace": 3}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        EngineSettings.model_validate(settings)


@given(st.lists(st.tuples(*[st.integers(1, 9)] * 2), min_size=3, max_size=3))
def test_shapes_are_ordered(rows: list[tuple[int, ...]]) -> None:
    ordered = all(a <= b for low, high in pairwise(rows) for a, b in zip(low, high, strict=True))
    given = dict(zip(("least", "usual", "largest"), rows, strict=True))
    if ordered:
        assert Shapes.model_validate(given).largest == rows[2]
    else:
        with pytest.raises(ValidationError, match="least <= usual <= largest"):
            Shapes.model_validate(given)


def test_what_trtexec_is_called_with() -> None:
    shapes = {name: Shapes(least=(1, 4), usual=(2, 4), largest=(8, 4)) for name in ("b", "a")}
    settings = EngineSettings(
        shapes=shapes,
        workspace_mb=512,
        optimization_level=4,
        dla_core=0,
        trtexec={"sparsity": "enable", "dumpRefit": None},
    )
    assert trtexec_options(description(settings), "10.3.0", "e.engine", "t.cache") == (
        "--onnx=small.trt.onnx",
        "--saveEngine=e.engine",
        "--profilingVerbosity=detailed",
        "--stronglyTyped",
        "--minShapes=a:1x4,b:1x4",
        "--optShapes=a:2x4,b:2x4",
        "--maxShapes=a:8x4,b:8x4",
        "--memPoolSize=workspace:512M",
        "--builderOptimizationLevel=4",
        "--useDLACore=0",
        "--allowGPUFallback",
        "--timingCacheFile=t.cache",
        "--dumpRefit",
        "--sparsity=enable",
    )


def test_trtexec_11_gets_nothing_that_it_lost() -> None:
    options = trtexec_options(description(EngineSettings(timing_cache=False)), "11.0", "e.engine", "t.cache")
    assert options == ("--onnx=small.trt.onnx", "--saveEngine=e.engine", "--profilingVerbosity=detailed")
