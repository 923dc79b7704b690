"""Hardware profiles from YAML: what they may leave open, and how a wrong one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from l0gm_edge.core import load
from l0gm_edge.core.errors import RecipeError

PROFILE = """\
name: bench
title: A bench
runtimes: [{name: onnxruntime, schemes: [fp32]}]
"""


def profile_refusal(path: Path, text: str) -> RecipeError:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load.hardware(str(path))
    return caught.value


def test_a_valid_profile_loads_with_unknown_facts(tmp_path: Path) -> None:
    path = tmp_path / "bench.yaml"
    path.write_text(PROFILE, encoding="utf-8")
    profile = load.hardware(str(path))
    assert profile.chipset.value is None
    assert profile.transport.kind == "local"


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("memory_gb: {value: 8}", "memory_gb: a fact needs its source"),
        ("budgets: {p90: 5}", "budgets.p90: unknown key; did you mean 'p90_ms'?"),
        ("transport: {kind: locla}", "transport.kind: found 'locla'; did you mean 'local'?"),
        ("chipset: {valeu: x}", "chipset.valeu: unknown key; did you mean 'value'?"),
        ("conditions: set", "conditions: set needs something to set: power_mode, governor, clocks or fan"),
        ("affinity: [1]\nthreads: 2", "2 threads do not fit on the 1 cores of affinity"),
        ("affinity: [1, 1]", "each core may stand once in affinity; found 1, 1"),
        ("fan: 256", "fan: Input should be less than or equal to 255 (found 256)"),
        ("clocks: high", "clocks: Input should be 'max' (found 'high')"),
    ],
)
def test_a_wrong_profile_is_refused(tmp_path: Path, added: str, expected: str) -> None:
    assert expected in profile_refusal(tmp_path / "bench.yaml", f"{PROFILE}{added}\n").what


DIGEST = "ab" * 32
PHONE = f"""\
name: phone
title: A phone
runtimes:
  - name: tflite
    schemes: [fp32, dynamic_int8]
    runner: {{path: tools/benchmark_model, sha256: {DIGEST}}}
transport: {{kind: adb, address: R58N12ABCDE}}
"""


def test_a_runner_lies_beside_its_profile_and_its_place_is_its_owner_s_business(tmp_path: Path) -> None:
    (tmp_path / "phone.yaml").write_text(PHONE, encoding="utf-8")
    found = load.hardware(str(tmp_path / "phone.yaml"))
    assert found.runner is not None
    assert found.runner.path == str(tmp_path / "tools" / "benchmark_model")
    shared = found.shareable.runner
    assert shared is not None
    assert (shared.path, shared.sha256, shared.xnnpack) == ("benchmark_model", DIGEST, None)


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (f", sha256: {DIGEST}", "", "runtimes.0.runner.sha256: required, but not given"),
        (DIGEST, DIGEST[:-1], "runtimes.0.runner.sha256: no sha256: 64 digits"),
        ("path: tools/benchmark_model", 'path: ""', "runtimes.0.runner.path: no path to a file"),
        ("name: tflite", "name: onnxruntime", "runner goes with name: tflite; found onnxruntime"),
        ("dynamic_int8", "mixed_int8", "mixed_int8 is found by profiling layers with Python on the device"),
        ("ABCDE}", "ABCDE, python: /data/py}", "transport.python and a runner contradict each other"),
        ("transport:", "governor: performance\nconditions: set\ntransport:", "conditions: set needs Python"),
        ("transport:", "  - {name: onnxruntime, schemes: [fp32]}\ntransport:", "which onnxruntime would need"),
    ],
)
def test_a_runner_that_contradicts_its_profile_is_refused(
    tmp_path: Path, right: str, wrong: str, expected: str
) -> None:
    assert right in PHONE
    assert expected in profile_refusal(tmp_path / "phone.yaml", PHONE.replace(right, wrong)).what


ENGINES = """\
name: board
title: A board
runtimes:
  - name: tensorrt
    schemes: [fp16, implicit_int8]
    engine: {workspace_mb: 512, oldest: "10.3"}
"""


def test_a_profile_says_how_its_device_builds_engines(tmp_path: Path) -> None:
    (tmp_path / "board.yaml").write_text(ENGINES, encoding="utf-8")
    settings = load.hardware(str(tmp_path / "board.yaml")).opening("tensorrt").engine
    assert settings is not None
    assert settings.workspace_mb == 512


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("name: tensorrt", "name: tflite", "engine goes with name: tensorrt; found tflite"),
        ("workspace_mb", "workspace", "runtimes.0.engine.workspace: unknown key; did you mean 'workspace_mb'?"),
        ('"10.3"', '"11"', "implicit_int8 needs the calibrator of TensorRT 10, and engine.oldest is 11"),
        ("workspace_mb: 512", "dla_core: 0, before: '10'", "no TensorRT is at least 10.3 and before 10"),
    ],
)
def test_engine_settings_that_cannot_be_are_refused(tmp_path: Path, right: str, wrong: str, expected: str) -> None:
    assert expected in profile_refusal(tmp_path / "board.yaml", ENGINES.replace(right, wrong)).what


def test_a_wrong_key_inside_a_list_is_told_by_its_place(tmp_path: Path) -> None:
    error = profile_refusal(tmp_path / "bench.yaml", PROFILE.replace("schemes", "scheme"))
    assert "runtimes.0.scheme: unknown key; did you mean 'schemes'?" in error.what
    assert "at least 1 item" not in error.what  # what pydantic says of the list itself is only a consequence


def test_an_unknown_runtime_is_refused(tmp_path: Path) -> None:
    error = profile_refusal(tmp_path / "bench.yaml", PROFILE.replace("onnxruntime", "onnxruntim"))
    assert "runtimes.0.name: found 'onnxruntim'; did you mean 'onnxruntime'?" in error.what


def test_a_runtime_may_stand_once(tmp_path: Path) -> None:
    row = "{name: onnxruntime, schemes: [fp32]}"
    error = profile_refusal(tmp_path / "bench.yaml", PROFILE.replace(row, f"{row}, {row}"))
    assert "each runtime may stand once; found onnxruntime, onnxruntime" in error.what
