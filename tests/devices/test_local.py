"""This machine as a device: nothing of ours stays behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from l0gm_edge.core import load
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile, Transport
from l0gm_edge.devices import local


@pytest.fixture
def hardware(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HardwareProfile:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return load.hardware(str(root / "hardware" / "host-cpu.yaml"))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_the_work_folder_goes_with_the_connection(hardware: HardwareProfile, tmp_path: Path) -> None:
    def interrupted() -> None:
        with local.connect(hardware) as device:
            device.put(tmp_path / "file", "deep/inside/file")
            assert len(list(tmp_path.iterdir())) == 2
            raise KeyboardInterrupt

    (tmp_path / "file").touch()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_connections_do_not_share_a_folder(hardware: HardwareProfile, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with local.connect(hardware) as one, local.connect(hardware) as other:
        one.put(tmp_path / "file", "file")
        with pytest.raises(DeviceFailed):
            other.get("file", tmp_path / "back")


def test_no_room_for_a_work_folder_is_a_device_failure(
    hardware: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with pytest.raises(DeviceFailed, match="cannot make a work folder"), local.connect(hardware):
        pass


def test_a_python_of_the_folder_one_is_in_is_found(
    hardware: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    there = hardware.model_copy(update={"transport": Transport(python="bin/python")})
    with local.connect(there) as device:
        assert device.run([device.python(), "-c", "print('found')"], 60).stdout == "found\n"


def test_a_timeout_ends_the_children_too(hardware: HardwareProfile) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with local.connect(hardware) as device:
        ended = device.run([device.python(), "-c", code], 3)
    deadline = time.monotonic() + 10
    while is_running(int(ended.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(int(ended.stdout))
