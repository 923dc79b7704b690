"""`l0gm-edge compile`: what it takes, what it prints, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import foreign_files as foreign
import pytest
from click.testing import Result

Invoke = Callable[..., Result]
PROFILE = """\
name: bench
title: A bench
runtimes:
  - {name: onnxruntime, schemes: [fp32]}
  - {name: tflite, schemes: [fp32]}
"""


@pytest.fixture
def bench(tmp_path: Path) -> str:
    path = tmp_path / "bench.yaml"
    path.write_text(PROFILE, encoding="utf-8")
    return str(path)


def test_a_model_for_one_runtime(invoke: Invoke, tmp_path: Path, bench: str) -> None:
    model = foreign.written(tmp_path / "lookup.onnx", foreign.lookup_model())
    options = ("--hardware", bench, "--runtime", "onnxruntime", "--shape", "token.ids=1x5:int64")
    result = invoke("compile", str(model), *options, "--out", str(tmp_path / "b"), "--json")
    assert result.exit_code in (0, 3), result.output
    told = json.loads(result.stdout)
    assert [(file["artifact"]["runtime"], file["chosen"]) for file in told["files"]] == [("onnxruntime", True)]
    assert told["files"][0]["artifact"]["inputs"][0]["shape"] == [1, 5]
    assert (tmp_path / "b" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--hardware is needed"),
        (("--hardware", "BENCH", "--runtime", "openvino"), "has no runtime openvino"),
        (("--hardware", "BENCH", "--shape", "x"), "--shape found 'x'"),
        (("--hardware", "BENCH", "--shape", "x=0x4"), "--shape found 'x=0x4'"),
        (("--hardware", "BENCH", "--shape", "x=2x4"), "a batch of 1 first"),
        (("--hardware", "BENCH", "--shape", "x=1x99999999999999999999999999999999999999999"), "--shape found"),
        (("--hardware", "BENCH", "--shape", "x=1x4:int3"), "--shape found"),
        (("--hardware", "BENCH", "--calibration", "absent.npz"), "no such calibration file"),
        (("--hardware", "BENCH", "--data-dir", "d"), "--data-dir is of a run"),
        (("--hardware", "nothing"), "nothing"),
    ],
)
def test_wrong_usage_ends_with_status_2(
    invoke: Invoke, tmp_path: Path, bench: str, options: tuple[str, ...], words: str
) -> None:
    model = foreign.written(tmp_path / "scores.onnx", foreign.onnx_model())
    given = [bench if one == "BENCH" else one for one in options]
    result = invoke("compile", str(model), *given, "--out", str(tmp_path / "b"))
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "b").exists()


def test_a_run_folder_has_its_own_profile(invoke: Invoke, tmp_path: Path, bench: str) -> None:
    result = invoke("compile", str(tmp_path), "--hardware", bench)
    assert result.exit_code == 2
    assert "a run folder has its own profile" in result.stderr
