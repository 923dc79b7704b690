"""Files that a command is to write: into folders that are there, or refused before anything is done."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_models
from click.testing import Result

from l0gm_edge.cli import _output
from l0gm_edge.core import store
from l0gm_edge.core.errors import StorageFailed

Invoke = Callable[..., Result]
COMMANDS = {
    "profile --report": ("profile", "m.onnx", "--hardware", "host-cpu", "--report"),
    "profile of a fleet": ("profile", "m.onnx", "--hardware", "host-cpu", "--hardware", "nvidia-gpu", "--report"),
    **{
        f"compare --{name}": ("compare", "m.onnx", "m.onnx", "--hardware", "host-cpu", f"--{name}")
        for name in ("report", "markdown", "junit", "samples")
    },
    "engine": ("engine", "m.onnx", "--out"),
    "probe": ("hardware", "probe", "--write"),
    "tabulate": ("hardware", "tabulate", "digits", "--hardware", "host-cpu", "--out"),
    "init": ("init", "--model", "a:b", "--data", "a:c", "--hardware", "host-cpu", "--out"),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_models.write_onnx(tmp_path / "m.onnx")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_not_there_is_refused_and_not_made(invoke: Invoke, tmp_path: Path, command: str) -> None:
    *arguments, option = COMMANDS[command]
    result = invoke(*arguments, option, "reprots/found.txt")
    assert result.exit_code == 2
    assert result.stdout == ""
    told = " ".join(result.stderr.split())
    assert re.search(f"the folder of {option} is not there where: reprots/found.txt to do: make .* nothing was", told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx"]


@pytest.mark.parametrize("named", [".", "m.onnx/page.html"])
def test_what_is_no_place_for_a_file_is_refused(invoke: Invoke, named: str) -> None:
    assert invoke("profile", "m.onnx", "--hardware", "host-cpu", "--report", named).exit_code == 2


def test_a_folder_that_cannot_be_written_in_is_refused(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").mkdir()
    may = os.access
    monkeypatch.setattr(_output.os, "access", lambda path, mode: Path(path).name != "kept" and may(path, mode))
    result = invoke("profile", "m.onnx", "--hardware", "host-cpu", "--report", "kept/page.html")
    assert result.exit_code == 2
    assert "the folder of --report cannot be written in" in result.stderr


def test_a_disk_that_is_full_by_then_is_no_fault_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(store, "write_text", full)
    with pytest.raises(StorageFailed, match="No space left on device") as failed:
        _output.write_output(tmp_path / "page.html", "<!doctype html>")
    assert failed.value.todo == "free some space, or name another file"
