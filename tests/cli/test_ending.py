"""Every error ends with its exit status, one message and no traceback; with --json with one document on stdout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import Result

from l0gm_edge.core import errors

Invoke = Callable[..., Result]
KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.L0GMEdgeError) and kind is not errors.MissingExtra
]


@pytest.fixture
def raising(pipeline: ModuleType) -> Callable[[BaseException], None]:
    def set_error(error: BaseException) -> None:
        def run(*_: object) -> None:
            raise error

        pipeline.run = run  # type: ignore[attr-defined]

    return set_error


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_ours_ends_with_its_status(
    kind: type[errors.L0GMEdgeError], raising: Callable[[BaseException], None], invoke: Invoke, recipe_file: Path
) -> None:
    raising(kind("it broke", where="here", allowed="whole ones", todo="mend it"))
    arguments = ("run", str(recipe_file), "--hardware", "host-cpu")
    plain = invoke(*arguments)
    assert plain.exit_code == kind.exit_status
    assert plain.stdout == ""
    assert plain.stderr == "error: it broke\n  where: here\n  allowed: whole ones\n  to do: mend it\n"
    told = invoke(*arguments, "--json")
    assert told.exit_code == kind.exit_status
    parts = {"what": "it broke", "where": "here", "allowed": "whole ones", "todo": "mend it"}
    assert json.loads(told.stdout) == {"error": parts}
    assert told.stderr == ""


def test_the_statuses_are_those_of_the_tree() -> None:
    refused = {kind for kind in KINDS if issubclass(kind, errors.RefusedInput)}
    assert {kind.exit_status for kind in refused} == {2}
    failed = {kind for kind in KINDS if issubclass(kind, errors.ToolFailed)}
    assert {kind.exit_status for kind in failed} == {4}
    assert {kind.exit_status for kind in set(KINDS) - refused - failed - {errors.L0GMEdgeError}} == {3}


def test_a_missing_extra_says_which_to_install() -> None:
    error = errors.MissingExtra("onnxruntime", "onnx", "measuring with ONNX Runtime")
    assert error.exit_status == 2
    assert "measuring with ONNX Runtime needs the package 'onnxruntime'" in str(error)
    assert "pip install 'l0gm-edge[onnx]'" in str(error)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, click.Abort])
def test_an_interrupt_says_what_is_kept(
    kind: type[BaseException], raising: Callable[[BaseException], None], invoke: Invoke, recipe_file: Path
) -> None:
    raising(kind())
    result = invoke("run", str(recipe_file), "--hardware", "host-cpu")
    assert result.exit_code == 130
    assert "finished stages are kept" in result.stderr


def test_a_fault_of_ours_is_one_line_and_a_file(
    raising: Callable[[BaseException], None],
    invoke: Invoke,
    recipe_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    raising(ValueError("first line\nsecond line"))
    result = invoke("run", str(recipe_file), "--hardware", "host-cpu")
    assert result.exit_code == 4
    assert result.stderr.startswith("error: unexpected ValueError: first line\n")
    assert "Traceback" not in result.stderr
    (written,) = tmp_path.glob("l0gm-edge-*.txt")
    assert str(written) in result.stderr
    assert "Traceback" in written.read_text(encoding="utf-8")


def test_a_fault_of_ours_shows_its_traceback_when_asked(
    raising: Callable[[BaseException], None], invoke: Invoke, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L0GM_EDGE_TRACEBACK", "1")
    raising(ValueError("why"))
    result = invoke("run", str(recipe_file), "--hardware", "host-cpu", "--json")
    assert result.exit_code == 4
    assert "Traceback (most recent call last)" in result.stderr
    assert json.loads(result.stdout)["error"]["what"] == "unexpected ValueError: why"


def test_a_fault_on_a_full_disk_still_ends_well(
    raising: Callable[[BaseException], None], invoke: Invoke, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    raising(ValueError("why"))
    result = invoke("run", str(recipe_file), "--hardware", "host-cpu")
    assert result.exit_code == 4
    assert "L0GM_EDGE_TRACEBACK=1" in result.stderr


def test_a_closed_pipe_is_no_fault() -> None:
    command = [sys.executable, "-m", "l0gm_edge", "recipes", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert b"unexpected" not in process.stderr.read()


def test_ctrl_c_in_a_process_ends_with_130(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib, click\n"
        "from l0gm_edge.cli._ending import status_of\n"
        "from l0gm_edge.cli.main import main\n"
        "@click.command()\n"
        "def wait():\n    pathlib.Path(sys.argv[1]).touch(); time.sleep(60)\n"
        "sys.exit(status_of(lambda: wait.main([], standalone_mode=False), as_json=False))\n"
    )
    begun = tmp_path / "begun"
    with subprocess.Popen([sys.executable, "-c", code, str(begun)], stderr=subprocess.PIPE, text=True) as process:
        while not begun.exists():
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "finished stages are kept" in told
