"""What every device transport must do; this machine, which tests can always reach, and an SSH server and an ADB
device on it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from l0gm_edge import devices
from l0gm_edge.core import plugins
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.devices import Device, Outcome

REACHABLE = {"local": None, "ssh": "server", "adb": "phone"}
"""Which fixture a transport reaches."""


@pytest.fixture(params=REACHABLE)
def device(request: pytest.FixtureRequest, hardware: HardwareProfile) -> Iterator[Device]:
    reached = REACHABLE[request.param]
    if reached:
        hardware = request.getfixturevalue(reached).profile(hardware)
    with devices.plugin(request.param).connect(hardware) as opened:
        yield opened


@pytest.mark.parametrize("name", plugins.names("l0gm_edge.devices"))
def test_every_file_of_the_folder_is_a_transport(name: str) -> None:
    assert list(inspect.signature(devices.plugin(name).connect).parameters) == ["profile"]


def test_files_come_back_as_they_went(device: Device, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(bytes(range(256)) * 100)
    device.put(tmp_path / "there", "sub/file.bin")
    device.get("sub/file.bin", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "there").read_bytes()


def test_commands_run_in_the_work_folder_and_report_how_they_ended(device: Device, tmp_path: Path) -> None:
    (tmp_path / "say.py").write_text("import sys; print(open('note').read()); print('x', file=sys.stderr); sys.exit(3)")
    (tmp_path / "note").write_text("hello")
    for name in ("say.py", "note"):
        device.put(tmp_path / name, name)
    ended = device.run([device.python(), "say.py"], 60)
    assert (ended.outcome, ended.status) == (Outcome.COMMAND_FAILED, 3)
    assert (ended.stdout.strip(), ended.stderr.strip()) == ("hello", "x")
    assert device.run([device.python(), "-c", "pass"], 60).outcome is Outcome.OK


def test_lines_are_told_while_the_command_runs_each_once_and_safe_to_show(device: Device, tmp_path: Path) -> None:
    told: list[str] = []

    def on(line: str) -> None:
        told.append(line)
        if line == "begun":
            (tmp_path / "go").touch()  # without which the command does not end

    waiting = f"while [ ! -e '{tmp_path}/go' ]; do sleep 0.1; done"
    script = f"printf 'begun\\n\\033[31mred\\n'; {waiting}; printf 'done\\nrest'; exit 3"
    ended = device.stream(["sh", "-c", script], 60, on)
    assert told == ["begun", "\N{REPLACEMENT CHARACTER}[31mred", "done", "rest"]
    assert (ended.outcome, ended.status) == (Outcome.COMMAND_FAILED, 3)
    assert ended.stdout.split("\n") == told


def test_a_stream_ends_with_its_time(device: Device) -> None:
    told: list[str] = []
    ended = device.stream(["sh", "-c", "echo one; sleep 60"], 1, told.append)
    assert (ended.outcome, told) == (Outcome.TIMEOUT, ["one"])


def test_no_shell_reads_the_arguments(device: Device) -> None:
    text = "$HOME `id`; echo 'x' * \" \\ && false"
    ended = device.run([device.python(), "-c", "import sys; print(sys.argv[1])", text], 60)
    assert ended.stdout.rstrip("\n") == text


def test_a_command_that_is_not_there_is_an_outcome(device: Device) -> None:
    ended = device.run(["no-such-command-here"], 60)
    assert ended.outcome is Outcome.COMMAND_FAILED
    assert ended.status != 0


def test_a_command_that_takes_too_long_is_stopped(device: Device) -> None:
    ended = device.run([device.python(), "-c", "print('begun', flush=True); import time; time.sleep(600)"], 2)
    assert (ended.outcome, ended.status) == (Outcome.TIMEOUT, None)


@pytest.mark.parametrize("remote", ["/etc/passwd", "../out", "a/../../out"])
def test_paths_outside_the_work_folder_are_refused(device: Device, tmp_path: Path, remote: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DeviceFailed, match="outside the device's work folder"):
        device.put(tmp_path / "file", remote)
    with pytest.raises(DeviceFailed, match="outside the device's work folder"):
        device.get(remote, tmp_path / "file")


def test_a_missing_file_is_a_device_failure(device: Device, tmp_path: Path) -> None:
    with pytest.raises(DeviceFailed, match=r"cannot copy absent\.bin"):
        device.get("absent.bin", tmp_path / "back")
    with pytest.raises(DeviceFailed, match="cannot copy none"):
        device.put(tmp_path / "none", "none")
