"""The two programs that time operators, run as the device runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import tiny_models

AZURE = "AzureExecutionProvider"
PROGRAMS = Path(__file__).parents[2] / "l0gm_edge" / "ondevice"


def run(program: Path, model: Path, *given: str, runs: int = 20) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(program), str(model), "1", str(runs), *given]
    return subprocess.run(command, cwd=model.parent, capture_output=True, text=True)


def layers_of(program: str, model: Path, *given: str) -> dict[str, Any]:
    ended = run(PROGRAMS / program, model, *given)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    assert all(set(layer) - {"node"} == {"name", "op", "mean_ns"} for layer in found["layers"])
    assert all(layer["mean_ns"] > 0 for layer in found["layers"])
    assert len({layer["name"] for layer in found["layers"]}) == len(found["layers"])
    return found


def test_onnxruntime_tells_its_operators_and_leaves_no_profile_behind(tmp_path: Path) -> None:
    model = tiny_models.write_onnx(tmp_path / "a.onnx", rows="n")
    found = layers_of("onnxruntime_layers.py", model)
    assert [(layer["name"], layer["op"]) for layer in found["layers"]] == [("linear", "Gemm")]
    assert (found["fallback_ops"], found["graph"]) == ([], None)
    (cpu,) = found["providers"]
    assert (cpu["provider"], cpu["nodes"], cpu["ns"]) == ("CPUExecutionProvider", 1, found["layers"][0]["mean_ns"])
    assert list(tmp_path.iterdir()) == [model]


def test_onnxruntime_leaves_the_graph_that_ran_where_it_is_asked_to(tmp_path: Path) -> None:
    model = tiny_models.write_onnx(tmp_path / "a.onnx", rows="n")
    found = layers_of("onnxruntime_layers.py", model, "{}", "a.ran")
    assert found["graph"] == "a.ran"
    ran = onnx.load(tmp_path / "a.ran")
    assert [node.name for node in ran.graph.node] == [layer["name"] for layer in found["layers"]]


@pytest.mark.skipif(AZURE not in onnxruntime.get_available_providers(), reason="this build lacks the provider")
def test_what_onnxruntime_leaves_to_the_cpu_is_named_and_counted(tmp_path: Path) -> None:
    """Azure's provider runs nothing of an ordinary model."""
    opening = json.dumps({"providers": {AZURE: {}, "CPUExecutionProvider": {}}, "settings": {}})
    found = layers_of("onnxruntime_layers.py", tiny_models.write_onnx(tmp_path / "a.onnx"), opening)
    assert found["fallback_ops"] == ["Gemm"]
    assert [(one["provider"], one["nodes"]) for one in found["providers"]] == [(AZURE, 0), ("CPUExecutionProvider", 1)]
    assert [one["ns"] > 0 for one in found["providers"]] == [False, True]


def test_a_provider_that_is_not_there_is_a_reason_too(tmp_path: Path) -> None:
    opening = json.dumps({"providers": {"XnnpackExecutionProvider": {}}})
    ended = run(PROGRAMS / "onnxruntime_layers.py", tiny_models.write_onnx(tmp_path / "a.onnx"), opening)
    assert ended.returncode == 1
    assert "ONNX Runtime here lacks Xnnpack" in ended.stderr


@pytest.mark.parametrize("int8", [False, True])
def test_litert_tells_the_operators_that_its_delegate_took(tmp_path: Path, int8: bool) -> None:
    found = layers_of("tflite_layers.py", tiny_models.write_tflite(tmp_path / "b.tflite", int8=int8))
    assert [layer["op"] for layer in found["layers"]][-1] == "Fully Connected"
    assert found["fallback_ops"] == []


def test_litert_names_the_operators_outside_its_delegate(tmp_path: Path) -> None:
    found = layers_of("tflite_layers.py", tiny_models.write_tflite(tmp_path / "b.tflite", fallback=True))
    assert found["fallback_ops"] == ["FLOOR_MOD"]
    assert found["layers"][-1]["op"] == "FLOOR_MOD"
    assert [layer["node"] for layer in found["layers"]] == [None] * (len(found["layers"]) - 1) + [1]


@pytest.mark.parametrize(("program", "ending"), [("onnxruntime_layers.py", "onnx"), ("tflite_layers.py", "tflite")])
def test_a_damaged_model_gives_a_reason_in_one_line(tmp_path: Path, program: str, ending: str) -> None:
    (tmp_path / f"bad.{ending}").write_bytes(b"no model at all")
    ended = run(PROGRAMS / program, tmp_path / f"bad.{ending}")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[-1].startswith("per-operator times are not available: ")


def test_a_litert_release_with_another_layout_is_not_touched(tmp_path: Path) -> None:
    program = tmp_path / "tflite_layers.py"
    source = (PROGRAMS / "tflite_layers.py").read_text()
    program.write_text(source.replace('KNOWN_RELEASE = "2.3."', 'KNOWN_RELEASE = "9.9."'))
    ended = run(program, tiny_models.write_tflite(tmp_path / "b.tflite"))
    assert ended.returncode == 1
    assert "the profiler is known in 9.9.x only" in ended.stderr
