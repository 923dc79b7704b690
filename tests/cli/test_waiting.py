"""`--wait`: a device that another uses ends a command with status 4, or is waited for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny_models
from click.testing import Result

from l0gm_edge.devices import _alone

Invoke = Callable[..., Result]


@pytest.fixture
def used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine, while another uses it."""
    monkeypatch.setenv("L0GM_EDGE_LOCK", str(tmp_path / "lock"))
    with _alone.locked(tmp_path / "lock", "bench", 0):
        yield


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize(
    "command",
    [("profile", "m.onnx", "--processes", "1", "--runs", "10"), ("compare", "m.onnx", "m.onnx", "--processes", "4")],
)
def test_a_device_in_use_ends_a_command_that_does_not_wait(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_models.write_onnx(tmp_path / "m.onnx")
    result = invoke(*command, "--hardware", "host-cpu", "--wait", "0", "--json")
    assert result.exit_code == 4
    told = json.loads(result.stdout)["error"]
    assert f"host-cpu is used by {_alone.holder(_alone.signature()).partition(' since')[0]}" in told["what"]
    assert f"(process {os.getpid()})" in told["what"]
    assert "--wait SECONDS" in told["todo"]


def test_a_negative_wait_is_refused(invoke: Invoke) -> None:
    result = invoke("profile", "m.onnx", "--hardware", "host-cpu", "--wait", "-1")
    assert result.exit_code == 2
    assert "--wait" in result.stderr
