"""`--hardware` with several devices: one table, one page, one status."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import native_profiles
import pytest
import tiny_bundles
import tiny_models
from click.testing import Result
from reports import report_of

from l0gm_edge.core import load
from l0gm_edge.core.fleet import Fleet
from l0gm_edge.core.verdict import Status
from l0gm_edge.pipeline import fleet

Invoke = Callable[..., Result]
QUICK = ("--processes", "1", "--runs", "70")
BOARD = """\
name: {name}
title: Board {name}
runtimes: [{{name: onnxruntime, schemes: [fp32]}}]
"""
GONE = 'transport: {kind: ssh, address: 127.0.0.1, port: 1, known_hosts: "KNOWN"}\n'


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    """A folder of three profiles: two of this machine, one with a budget that holds and one that does not."""
    folder = tmp_path / "boards"
    folder.mkdir()
    for name, budget in (("calm", "p50_ms: 1000"), ("strict", "file_mb: 0.00001")):
        (folder / f"{name}.yaml").write_text(BOARD.format(name=name) + f"budgets: {{{budget}}}\n")
    return folder


def gone(boards: Path) -> None:
    """Add a board that cannot be reached."""
    (boards / "known_hosts").touch()
    text = BOARD.format(name="gone") + GONE.replace("KNOWN", str(boards / "known_hosts"))
    (boards / "gone.yaml").write_text(text)


def test_one_model_many_devices_one_page(
    invoke: Invoke, tmp_path: Path, boards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gone(boards)
    model = tiny_models.write_onnx(tmp_path / "m.onnx")
    arguments = ("profile", str(model), "--hardware", str(boards), *QUICK, "--report", "page.html")
    result = invoke(*arguments)
    assert result.exit_code == 1, result.output
    for told in ("m.onnx", "calm", "PASS", "strict", "FAIL", "file_size", "gone", "not measured", "cannot be reached"):
        assert told in result.stdout
    assert "kept" not in result.stdout
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Latency side by side" in page
    assert "One after the other" in page
    again = invoke(*arguments)
    assert again.exit_code == 1
    assert re.search(r"calm +PASS kept", again.stdout)
    assert re.search(r"gone +not measured", again.stdout)


def test_json_is_one_document_of_every_device(invoke: Invoke, tmp_path: Path, boards: Path) -> None:
    bundle = tiny_bundles.write_bundle(tmp_path / "bundle", "onnxruntime", "tflite")
    (boards / "strict.yaml").unlink()
    wide = BOARD.format(name="wide").replace("}]", "}, {name: tflite, schemes: [fp32]}]")
    (boards / "wide.yaml").write_text(wide)
    result = invoke("profile", str(bundle), "--hardware", str(boards), *QUICK, "--out", str(tmp_path / "o"), "--json")
    assert result.exit_code == 0, result.output
    found = Fleet.model_validate(json.loads(result.stdout))
    assert [(one.hardware, one.profile.runtime) for one in found.members if one.profile] == [
        ("calm", "onnxruntime"),
        ("wide", "onnxruntime"),
        ("wide", "tflite"),
    ]
    assert Fleet.model_validate_json((tmp_path / "o" / "fleet.json").read_bytes()) == found


def test_a_comparison_on_many_devices_ends_with_the_worst(invoke: Invoke, tmp_path: Path, boards: Path) -> None:
    gone(boards)
    (boards / "strict.yaml").unlink()
    model = str(tiny_models.write_onnx(tmp_path / "m.onnx"))
    few = ("--attempts", "1", "--processes", "4", "--out", str(tmp_path / "o"))
    result = invoke("compare", model, model, "--hardware", str(boards), *few, "--json")
    found = Fleet.model_validate(json.loads(result.stdout))
    calm, lost = found.members
    assert calm.comparison is not None
    assert lost.comparison is None
    assert "cannot be reached" in lost.said
    assert result.exit_code == (1 if calm.exit_status == 1 else 4)


def test_a_run_that_fails_on_one_device_keeps_the_others(
    invoke: Invoke, tmp_path: Path, boards: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (boards / "strict.yaml").unlink()
    gone(boards)
    made = report_of(load.recipe(str(recipe_file)), load.hardware(str(boards / "calm.yaml")), Status.PASS)

    def run(self: object, job: fleet.Job) -> fleet.Answer:
        if job.hardware.name == "calm":
            return fleet.Answer(status=0, text=made.model_dump_json())
        error = {"what": "the device cannot be reached: connection refused", "where": "pi@10.0.0.7:22", "todo": "look"}
        return fleet.Answer(status=4, text=json.dumps({"error": error}))

    monkeypatch.setattr(fleet._Children, "run", run)
    result = invoke("run", str(recipe_file), "--hardware", str(boards), "--out", str(tmp_path / "o"))
    assert result.exit_code == 4
    assert re.search(r"calm +PASS", result.stdout)
    told = " ".join(result.stdout.split())
    assert "not measured gone, tiny: the device cannot be reached: connection refused; look" in told
    assert "10.0.0.7" not in told
    page = (tmp_path / "o" / "fleet.html").read_text(encoding="utf-8")
    assert "Not every device could be measured" in page
    assert '<a href="calm/report.html">' in page
    kept = Fleet.model_validate_json((tmp_path / "o" / "fleet.json").read_bytes())
    assert [(one.hardware, one.exit_status, one.report is None) for one in kept.members] == [
        ("calm", 0, False),
        ("gone", 4, True),
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("profile", "m.onnx", "--hardware", "empty", "--hardware", "host-cpu"), "the folder holds no profile"),
        (("profile", "m.onnx", "--hardware", "host-cpu", "--hardware", "host-cpu"), "two profiles are named"),
        (("profile", "m.tflite", "--hardware", "boards"), "no device can do this"),
        (("compare", "m.onnx", "m.onnx", "--hardware", "boards", "--github"), "are of one device"),
    ],
)
def test_what_makes_no_sense_for_many_devices_is_refused(
    invoke: Invoke,
    tmp_path: Path,
    boards: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    tiny_models.write_onnx(tmp_path / "m.onnx")
    tiny_models.write_tflite(tmp_path / "m.tflite")
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_device_with_a_native_runner_is_judged_by_what_its_aggregates_answer(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = tiny_models.write_tflite(tmp_path / "m.tflite")
    both = [
        native_profiles.write(tmp_path, name=name, budgets=budgets)
        for name, budgets in (("roomy", {"file_mb": 1, "load_ms": 100_000}), ("timed", {"p50_ms": 1000}))
    ]
    named = [argument for path in both for argument in ("--hardware", str(path))]
    result = invoke("profile", str(model), *named, "--processes", "1", "--runs", "20", "--json")
    found = Fleet.model_validate_json(result.stdout)
    assert [one.exit_status for one in found.members] == [0, 3]
    assert all(one.aggregates is not None and one.profile is None for one in found.members)
    assert [(one.check, one.status) for one in found.members[0].verdicts] == [
        ("file_size", "PASS"),
        ("load_time", "PASS"),
    ]
    assert "needs samples" in found.members[1].verdicts[0].reason
    assert result.exit_code == 3
