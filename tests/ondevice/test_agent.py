"""The agent as the device runs it: a process of its own, given a folder with a job, models and rows."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tiny_models

from l0gm_edge.measure import job as job_of_host
from l0gm_edge.ondevice import onnxruntime_session

needs_azure = pytest.mark.skipif(
    "AzureExecutionProvider" not in onnxruntime.get_available_providers(), reason="this build lacks the provider"
)
AGENT = Path(__file__).parents[2] / "l0gm_edge" / "ondevice" / "agent.py"
WARM_UP = {"window": 5, "min_runs": 10, "max_runs": 50, "max_seconds": 1.0, "tolerance": 0.05}
LATENCY = {"task": "latency", "warm_up": WARM_UP, "rounds": 3, "runs_per_block": 4, "settle_runs": 1}
FOOTPRINT = {"task": "footprint", "loads": 3, "runs": 2}
ROWS = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)


def spec(path: Path, **changed: Any) -> dict[str, Any]:
    runtime = "onnxruntime" if path.suffix == ".onnx" else "tflite"
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"name": path.stem, "path": path.name, "sha256": sha256, "runtime": runtime, "threads": 1} | changed


def run(folder: Path, task: dict[str, Any], models: list[dict[str, Any]], **sets: Any) -> dict[str, Any]:
    """Run a job; every set is given as its arrays by input name."""
    for name, arrays in sets.items():
        np.savez(folder / f"{name}.npz", **arrays)
    job = {"name": "job", "models": models, "inputs": {name: f"{name}.npz" for name in sets}, "seed": 1} | task
    (folder / "job.json").write_text(json.dumps(job))
    for name in job_of_host.PROGRAMS:
        (folder / name).write_bytes((AGENT.parent / name).read_bytes())
    ended = subprocess.run([sys.executable, "agent.py", "job.json"], cwd=folder, capture_output=True, text=True)
    found: dict[str, Any] = json.loads((folder / "job-result.json").read_text())
    assert ended.returncode == (0 if found["status"] == "ok" else 1), ended.stderr
    assert not (folder / "job-partial.json").exists()
    return found


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    return tiny_models.write_onnx(tmp_path / "a.onnx")


@pytest.fixture
def tflite(tmp_path: Path) -> Path:
    return tiny_models.write_tflite(tmp_path / "b.tflite")


def test_latency_gives_the_blocks_asked_for_of_both_runtimes(tmp_path: Path, onnx: Path, tflite: Path) -> None:
    found = run(tmp_path, LATENCY, [spec(onnx), spec(tflite)], samples={"x": ROWS})
    assert found["status"] == "ok"
    for model, path in zip(found["models"], (onnx, tflite), strict=True):
        assert (model["name"], model["sha256"]) == (path.stem, spec(path)["sha256"])
        assert [len(block) for block in model["rounds"]] == [4, 4, 4]
        assert all(isinstance(ns, int) and ns > 0 for block in model["rounds"] for ns in block)
        assert 10 <= model["warmup_runs"] <= 50
    assert [model["runtime_version"].split()[0] for model in found["models"]] == ["onnxruntime", "ai_edge_litert"]


def test_without_samples_rows_of_the_declared_shape_are_made_up(tmp_path: Path, onnx: Path, tflite: Path) -> None:
    found = run(tmp_path, LATENCY, [spec(onnx), spec(tflite)])
    assert [len(model["rounds"]) for model in found["models"]] == [3, 3]


@pytest.mark.parametrize("rows", [1, "n"])
def test_outputs_of_onnx_are_those_of_numpy(tmp_path: Path, rows: int | str) -> None:
    model = tiny_models.write_onnx(tmp_path / "a.onnx", rows=rows)
    found = run(tmp_path, {"task": "outputs"}, [spec(model)], test={"x": ROWS, "unused": ROWS})
    answers = np.load(tmp_path / found["models"][0]["outputs"]["test"])
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, tiny_models.linear(ROWS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_token_ids_go_in_as_the_type_that_a_model_takes(tmp_path: Path, kind: str) -> None:
    model = spec(tiny_models.write_lookup(tmp_path / "lookup.onnx", kind))
    ids = np.array([[0, 2], [1, 1], [2, 0]], np.int64)
    found = run(tmp_path, {"task": "outputs"}, [model], test={"text": ids})
    given = np.load(tmp_path / found["models"][0]["outputs"]["test"])
    assert np.array_equal(given, tiny_models.WEIGHT[ids].reshape(3, 8))
    assert run(tmp_path, FOOTPRINT, [model])["status"] == "ok"  # made-up rows stay within the table


def test_outputs_of_every_set_and_model_come_apart(tmp_path: Path, onnx: Path, tflite: Path) -> None:
    sets = {"validation": {"x": ROWS}, "test": {"x": ROWS[:3] + 1}}
    found = run(tmp_path, {"task": "outputs"}, [spec(onnx), spec(tflite)], **sets)
    for model in found["models"]:
        for split, arrays in sets.items():
            answers = np.load(tmp_path / model["outputs"][split])
            np.testing.assert_allclose(answers, tiny_models.linear(arrays["x"]), rtol=1e-5, atol=1e-6)


def test_outputs_of_tflite_without_a_signature_go_by_tensor_name(tmp_path: Path) -> None:
    model = tiny_models.write_tflite(tmp_path / "b.tflite", signature=False)
    found = run(tmp_path, {"task": "outputs"}, [spec(model)], test={"serving_x": ROWS})
    answers = np.load(tmp_path / found["models"][0]["outputs"]["test"])
    np.testing.assert_allclose(answers, tiny_models.linear(ROWS), rtol=1e-5, atol=1e-6)


def test_int8_inputs_are_quantized_and_outputs_dequantized(tmp_path: Path) -> None:
    model = tiny_models.write_tflite(tmp_path / "b.tflite", int8=True)
    found = run(tmp_path, {"task": "outputs"}, [spec(model)], test={"x": ROWS})
    answers = np.load(tmp_path / found["models"][0]["outputs"]["test"])
    # Rounding of inputs, weights and output, each by half a step at most.
    steps = 0.5 * tiny_models.INPUT_SCALE * np.abs(tiny_models.WEIGHT).sum(1)
    steps = (
        steps + 0.5 * tiny_models.WEIGHT_SCALE * (np.abs(ROWS).sum(1, keepdims=True) + 0.1) + tiny_models.OUTPUT_SCALE
    )
    assert answers.dtype == np.float32
    assert (np.abs(answers - tiny_models.linear(ROWS)) <= steps).all()
    np.testing.assert_allclose(
        answers / tiny_models.OUTPUT_SCALE, np.rint(answers / tiny_models.OUTPUT_SCALE), atol=1e-3
    )


def test_values_beyond_an_int8_inputs_range_are_clipped(tmp_path: Path) -> None:
    model = tiny_models.write_tflite(tmp_path / "b.tflite", int8=True)
    far, edge = np.full((1, 4), 1e6, np.float32), np.full((1, 4), 100, np.float32)
    found = run(tmp_path, {"task": "outputs"}, [spec(model)], far={"x": far}, edge={"x": edge})
    files = found["models"][0]["outputs"]
    np.testing.assert_array_equal(np.load(tmp_path / files["far"]), np.load(tmp_path / files["edge"]))


def test_footprint_tells_load_times_and_the_peak_of_the_process(tmp_path: Path, onnx: Path) -> None:
    model = run(tmp_path, FOOTPRINT, [spec(onnx)], samples={"x": ROWS})["models"][0]
    assert len(model["load_ns"]) == 3
    assert min(model["load_ns"]) > 0
    if Path("/proc/self/status").is_file():
        assert 10e6 < model["peak_memory_bytes"] < 300e6  # Python, numpy and the runtime; torch alone would take more
    else:
        assert model["peak_memory_bytes"] is None


@pytest.mark.parametrize("task", [LATENCY, {"task": "outputs"}, FOOTPRINT])
def test_a_file_that_is_not_the_one_meant_is_never_run(tmp_path: Path, onnx: Path, task: dict[str, Any]) -> None:
    found = run(tmp_path, task, [spec(onnx, sha256="0" * 64)], samples={"x": ROWS})
    assert found["status"] == "failed"
    assert found["models"] == []
    assert "model 'a'" in found["message"]
    assert "the job means 0000" in found["message"]


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ({"z": ROWS}, "model 'a': the model wants the input 'x'; the job holds z"),
        ({"x": ROWS[:, :2]}, "model 'a': the input 'x' has shape (1, 2); the model takes (1, 4)"),
    ],
)
def test_rows_that_do_not_fit_are_told_plainly(
    tmp_path: Path, onnx: Path, tflite: Path, sets: dict[str, Any], expected: str
) -> None:
    assert run(tmp_path, {"task": "outputs"}, [spec(onnx)], test=sets)["message"] == expected
    assert run(tmp_path, LATENCY, [spec(onnx)], samples=sets)["message"] == expected
    assert run(tmp_path, LATENCY, [spec(tflite)], samples=sets)["message"] == expected.replace("'a'", "'b'")


def test_a_model_with_two_outputs_is_refused_where_one_is_read(tmp_path: Path) -> None:
    model = tiny_models.write_onnx(tmp_path / "a.onnx", outputs=2)
    found = run(tmp_path, {"task": "outputs"}, [spec(model)], test={"x": ROWS})
    assert found["message"] == "model 'a': one output is read, and there are 2: y, y1"


def test_an_unknown_runtime_and_a_damaged_model_are_told_plainly(tmp_path: Path, onnx: Path, tflite: Path) -> None:
    found = run(tmp_path, LATENCY, [spec(onnx, runtime="abacus")])
    assert found["message"].startswith("model 'a': this device does not have the runtime 'abacus'")
    for path in (onnx, tflite):
        path.write_bytes(path.read_bytes()[:40])
        found = run(tmp_path, LATENCY, [spec(path)])
        assert found["status"] == "failed"
        assert found["message"].startswith(f"model '{path.stem}': ")


def opening(*providers: str, **settings: Any) -> dict[str, Any]:
    return {"providers": {f"{name}ExecutionProvider": {} for name in providers}, "settings": settings}


def test_a_session_that_fell_back_is_a_failure(tmp_path: Path, onnx: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text(
        "class SessionOptions: pass\n"
        "class GraphOptimizationLevel: ORT_ENABLE_ALL = 99\n"
        "def get_available_providers(): return ['XnnpackExecutionProvider', 'CPUExecutionProvider']\n"
        "class InferenceSession:\n"
        "    def __init__(self, *a, **k): pass\n"
        "    def get_providers(self): return ['CPUExecutionProvider']\n"
    )
    found = run(tmp_path, LATENCY, [spec(onnx, opening=opening("Xnnpack", "CPU"))])
    assert found["message"] == "model 'a': asked for Xnnpack, CPU; ONNX Runtime fell back to CPU"


def test_a_provider_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, onnx: Path) -> None:
    found = run(tmp_path, LATENCY, [spec(onnx, opening=opening("Xnnpack", "CPU"))])
    assert found["message"].startswith("model 'a': ONNX Runtime here lacks Xnnpack; this build has ")
    assert found["message"].endswith("CPU")


@needs_azure
def test_without_the_cpu_among_its_providers_a_model_that_needs_it_is_refused(tmp_path: Path, onnx: Path) -> None:
    """Azure's provider runs nothing of an ordinary model."""
    found = run(tmp_path, {"task": "outputs"}, [spec(onnx, opening=opening("Azure"))], test={"x": ROWS})
    assert found["message"] == "model 'a': Azure cannot run all of it, and the CPU may not help"
    found = run(tmp_path, {"task": "outputs"}, [spec(onnx, opening=opening("Azure", "CPU"))], test={"x": ROWS})
    answers = np.load(tmp_path / found["models"][0]["outputs"]["test"])
    np.testing.assert_allclose(answers, tiny_models.linear(ROWS), rtol=1e-5, atol=1e-6)


def test_settings_reach_the_session_and_those_not_given_stay_the_runtimes_own() -> None:
    ort = onnxruntime
    plain, given = ort.SessionOptions(), ort.SessionOptions()
    onnxruntime_session.apply(ort, plain, 1, {"spinning": None})
    assert (plain.intra_op_num_threads, plain.inter_op_num_threads) == (1, 1)
    assert plain.execution_mode == ort.ExecutionMode.ORT_SEQUENTIAL
    assert (plain.enable_cpu_mem_arena, plain.enable_mem_pattern) == (True, True)
    settings = {"inter_op_threads": 3, "spinning": False, "arena": False, "memory_pattern": False}
    onnxruntime_session.apply(ort, given, 2, settings)
    assert (given.intra_op_num_threads, given.inter_op_num_threads) == (2, 3)
    assert given.execution_mode == ort.ExecutionMode.ORT_PARALLEL
    assert (given.enable_cpu_mem_arena, given.enable_mem_pattern) == (False, False)
    for pool in ("intra_op", "inter_op"):
        assert given.get_session_config_entry(f"session.{pool}.allow_spinning") == "0"


def test_outputs_do_not_depend_on_settings(tmp_path: Path, onnx: Path) -> None:
    given = opening("CPU", inter_op_threads=2, spinning=False, arena=False, memory_pattern=False)
    found = run(tmp_path, {"task": "outputs"}, [spec(onnx, opening=given)], test={"x": ROWS})
    answers = np.load(tmp_path / found["models"][0]["outputs"]["test"])
    np.testing.assert_allclose(answers, tiny_models.linear(ROWS), rtol=1e-5, atol=1e-6)


def test_the_older_tflite_runtime_serves_where_litert_is_absent(
    agent: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent.util, "find_spec", lambda name: name == "tflite_runtime" or None)
    monkeypatch.setattr(agent.metadata, "version", lambda name: "2.14.0")
    monkeypatch.setattr(agent, "import_module", lambda name: name)
    assert agent.import_runtime("tflite") == ("tflite_runtime.interpreter", "tflite_runtime 2.14.0")
    with pytest.raises(agent.AgentError, match="does not have the runtime 'onnxruntime'"):
        agent.import_runtime("onnxruntime")


def test_a_runtime_brought_under_another_name_is_known_by_its_own_word(
    agent: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime-gpu is imported as onnxruntime, and there is no distribution of that name."""

    def missing(name: str) -> str:
        raise agent.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(agent.metadata, "version", missing)
    assert agent.import_runtime("onnxruntime")[1] == f"onnxruntime {onnxruntime.__version__}"


@pytest.mark.parametrize("program", sorted(path.name for path in AGENT.parent.glob("*.py")))
def test_every_program_is_python_38_and_stands_alone(program: str) -> None:
    tree = ast.parse((AGENT.parent / program).read_text(), feature_version=(3, 8))
    nodes = list(ast.walk(tree))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    strangers = {name.split(".")[0] for name in imported} - sys.stdlib_module_names
    assert strangers <= {"numpy", "onnxruntime"}
