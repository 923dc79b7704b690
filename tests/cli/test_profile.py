"""`l0gm-edge profile`: the table, the document, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import native_profiles
import pytest
import tiny_models
from board import appearing
from click.testing import Result

Invoke = Callable[..., Result]
FEW = ("--hardware", "host-cpu", "--processes", "1", "--runs", "70")


def test_the_table_tells_percentiles_load_memory_and_operators(invoke: Invoke, tmp_path: Path) -> None:
    model = tiny_models.write_tflite(tmp_path / "m.tflite", fallback=True)
    result = invoke("profile", str(model), *FEW, "--layers")
    assert result.exit_code == 0, result.output
    for expected in ("ai_edge_litert", "1 thread", "p50", "p90", "load", "peak memory", "FLOOR_MOD *"):
        assert expected in result.stdout
    assert "needs 662 runs, 70 were taken" in result.stdout
    assert "outside the fast path: FLOOR_MOD" in result.stdout


def test_json_is_one_document_with_the_raw_runs(invoke: Invoke, tmp_path: Path) -> None:
    model = tiny_models.write_onnx(tmp_path / "m.onnx")
    result = invoke("profile", str(model), *FEW, "--threads", "2", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["runtime"], found["threads"], found["operators"]) == ("onnxruntime", 2, None)
    assert [one["q"] for one in found["percentiles"]] == [50, 90, 99]
    assert [one["value_ns"] is None for one in found["percentiles"]] == [False, False, True]
    assert sum(len(block["latencies_ns"]) for block in found["blocks"]) == 70


def test_the_page_has_every_operator(invoke: Invoke, tmp_path: Path) -> None:
    model = tiny_models.write_tflite(tmp_path / "m.tflite", fallback=True)
    result = invoke("profile", str(model), *FEW, "--report", str(tmp_path / "page.html"))
    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "FLOOR_MOD" in page
    assert "off the fast path" in page


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--sustained", "1s"), "p90 latency, ms"),
        (("--scenario", "offline", "--min-queries", "20", "--processes", "1"), "How many samples in a second"),
        (("--threads", "1,2", "--processes", "2", "--runs", "60"), "times the latency with 1 thread"),
    ],
)
def test_every_kind_has_a_page_of_its_own(invoke: Invoke, tmp_path: Path, given: tuple[str, ...], told: str) -> None:
    model = str(tiny_models.write_onnx(tmp_path / "m.onnx"))
    page = tmp_path / "page.html"
    result = invoke("profile", model, "--hardware", "host-cpu", *given, "--report", str(page))
    assert result.exit_code == 0, result.output
    text = page.read_text(encoding="utf-8")
    assert told in text
    assert "The device meanwhile" in text


@pytest.mark.parametrize("name", ["m.engine", "m.pt2", "absent.onnx"])
def test_what_cannot_be_timed_ends_with_status_2(invoke: Invoke, tmp_path: Path, name: str) -> None:
    if not name.startswith("absent"):
        (tmp_path / name).touch()
    result = invoke("profile", str(tmp_path / name), *FEW)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert name in result.stderr
    told = json.loads(invoke("profile", str(tmp_path / name), *FEW, "--json").stdout)
    assert told["error"]["what"]


def test_a_model_that_its_runtime_refuses_ends_with_status_4(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model at all")
    result = invoke("profile", str(tmp_path / "bad.onnx"), *FEW)
    assert result.exit_code == 4
    assert "model 'bad'" in result.stderr


def test_a_machine_without_a_gpu_says_so_in_one_line_and_ends_with_status_4(invoke: Invoke, tmp_path: Path) -> None:
    if Path("/proc/driver/nvidia").exists():
        pytest.skip("this machine has an NVIDIA GPU")
    model = tiny_models.write_onnx(tmp_path / "m.trt.onnx")
    result = invoke("profile", str(model), "--hardware", "nvidia-gpu", "--processes", "1", "--runs", "10")
    assert result.exit_code == 4
    assert "there is no NVIDIA GPU on this device: libcuda.so.1 cannot be loaded" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_long_run_is_one_document_of_windows(invoke: Invoke, tmp_path: Path) -> None:
    model = str(tiny_models.write_onnx(tmp_path / "m.onnx"))
    result = invoke("profile", model, "--hardware", "host-cpu", "--sustained", "1s", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["asked_s"] == 1
    assert len(found["points"]) == len(found["windows"]) >= 2


def test_a_throttled_device_ends_with_status_3(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = appearing(tmp_path, monkeypatch)
    board.write("sys/class/thermal/cooling_device0/cur_state", "2")
    model = str(tiny_models.write_onnx(tmp_path / "m.onnx"))
    result = invoke("profile", model, *FEW)
    assert result.exit_code == 3
    assert "does not count: the device was held back in 7 rounds of runs" in " ".join(result.stdout.split())
    result = invoke("profile", model, "--hardware", "host-cpu", "--sustained", "1s")
    assert result.exit_code == 0
    assert "held back" in result.stdout


@pytest.mark.parametrize(
    "given",
    [
        ("--sustained", "20"), ("--min-duration", "soon"), ("--threads", "0"), ("--threads", "1,1"), ("--batch", "3"),
        ("--min-queries", "70"), ("--out", "kept"), ("--hardware", "nvidia-gpu", "--batch", "3"),
        ("--hardware", "nvidia-gpu", "--min-duration", "9s"), ("--hardware", "nvidia-gpu", "--scenario", "offline"),
    ],
)  # fmt: skip
def test_options_without_sense_end_with_status_2(invoke: Invoke, tmp_path: Path, given: tuple[str, ...]) -> None:
    model = str(tiny_models.write_onnx(tmp_path / "m.onnx"))
    assert invoke("profile", model, *FEW, *given).exit_code == 2


SHORT = ("--processes", "2", "--runs", "20")


def test_a_native_runner_s_aggregates_are_marked_as_such(invoke: Invoke, tmp_path: Path) -> None:
    model, phone = tiny_models.write_tflite(tmp_path / "m.tflite"), native_profiles.write(tmp_path)
    page = tmp_path / "page.html"
    result = invoke("profile", str(model), "--hardware", str(phone), *SHORT, "--report", str(page))
    assert result.exit_code == 0, result.output
    for told in ("aggregates of a native runner: no single runs", "process 2", "median", "load", "FULLY_CONNECTED"):
        assert told in result.stdout
    assert "95 % interval" not in result.stdout
    assert "Aggregates of a native runner" in page.read_text(encoding="utf-8")


def test_aggregates_in_json_have_no_samples(invoke: Invoke, tmp_path: Path) -> None:
    model, phone = tiny_models.write_tflite(tmp_path / "m.tflite"), native_profiles.write(tmp_path, "litert")
    result = invoke("profile", str(model), "--hardware", str(phone), *SHORT, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["only"] == "aggregates"
    assert [one["runs"] for one in found["processes"]] == [20, 20]
    assert not {"blocks", "percentiles"} & set(found)


def test_a_runner_that_was_changed_is_refused_before_the_device_is_asked(invoke: Invoke, tmp_path: Path) -> None:
    model = tiny_models.write_tflite(tmp_path / "m.tflite")
    gone = {"kind": "ssh", "address": "127.0.0.1", "port": 1}
    phone = native_profiles.write(tmp_path, transport=gone)
    (tmp_path / "benchmark-tflite").write_text("something else")
    result = invoke("profile", str(model), "--hardware", str(phone))
    assert result.exit_code == 2
    assert "the file was changed: its sha256 is" in result.stderr
