from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorrt_graphs as graphs
from click.testing import Result

from l0gm_edge.check.engine import EngineJudgement
from l0gm_edge.core.engine import Answer, EngineDescription, FrontEnd
from l0gm_edge.core.store import read_value

Invoke = Callable[..., Result]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound file, and a front end that builds everything."""
    built = FrontEnd(answer=Answer.BUILT, by="tensorrt 10.3.0", reason="parsed and built")
    monkeypatch.setattr("l0gm_edge.backends._tensorrt_describe.ask_front_end", lambda *_: built)
    path = tmp_path / "small.onnx"
    path.write_bytes(graphs.linear().SerializeToString())
    return path


def test_a_sound_file_ends_with_0_and_is_described(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "small.json", tmp_path / "settings.yaml"
    settings.write_text("workspace_mb: 64\ntrtexec: {sparsity: enable}\n")
    done = invoke("engine", str(model), "--settings", str(settings), "--out", str(out), "--trtexec", "10.3.0")
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["PASS", "PASS", "trtexec"]
    assert "--memPoolSize=workspace:64M" in done.stdout
    assert "--sparsity=enable" in done.stdout
    assert read_value(EngineDescription, out).settings.workspace_mb == 64


def test_json_is_one_document(invoke: Invoke, model: Path) -> None:
    done = invoke("engine", str(model), "--json")
    assert done.exit_code == 0
    assert [one.check for one in EngineJudgement.model_validate(json.loads(done.stdout)).verdicts] == [
        "lint",
        "front_end",
    ]


def test_a_broken_rule_ends_with_1(invoke: Invoke, model: Path) -> None:
    model.write_bytes(graphs.BROKEN["int32 bias"].model.SerializeToString())
    done = invoke("engine", str(model))
    assert done.exit_code == 1
    assert "bias: bias: it dequantizes an int32 bias" in done.stdout


def test_what_is_no_model_or_no_setting_ends_with_2(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    (tmp_path / "wrong.yaml").write_text("workspace: 64\n")
    refused = [
        invoke("engine", str(tmp_path / "text.onnx")),
        invoke("engine", str(model), "--settings", str(tmp_path / "wrong.yaml")),
        invoke("engine", str(model), "--trtexec", "9.0"),
    ]
    assert [one.exit_code for one in refused] == [2, 2, 2]
    assert "did you mean 'workspace_mb'?" in refused[1].output
    assert all("Traceback" not in one.output for one in refused)
