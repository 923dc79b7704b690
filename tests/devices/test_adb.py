"""A device behind the real adb client: how it is named, and what happens when it goes away. It is a stand-in on the
loopback, with Android's shell where that is installed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from adb_device import AdbDevice

from l0gm_edge.core import load
from l0gm_edge.core.errors import DeviceFailed, L0GMEdgeError, RecipeError
from l0gm_edge.core.hardware import HardwareProfile, Transport
from l0gm_edge.devices import Outcome, adb
from l0gm_edge.measure import job
from l0gm_edge.measure.job import OutputsJob
from l0gm_edge.pipeline import probing

FOLDER = "l0gm-edge/.cache/l0gm-edge"
WAITING = "touch {home}/begun; while [ ! -e {home}/go ]; do sleep 0.1; done; echo done"


@pytest.fixture
def board(phone: AdbDevice, hardware: HardwareProfile) -> Iterator[HardwareProfile]:
    """A profile that reaches the device, which is there again afterwards, with nothing on it."""
    yield phone.profile(hardware)
    phone.stop()
    phone.start()
    subprocess.run(["rm", "-rf", *map(str, phone.home.iterdir())], check=True)


def once_begun(phone: AdbDevice, act: Callable[[], object]) -> threading.Thread:
    def work() -> None:
        deadline = time.monotonic() + 30
        while not (phone.home / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        act()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def refusal(kind: type[L0GMEdgeError], profile: HardwareProfile) -> str:
    with pytest.raises(kind) as caught, adb.connect(profile):
        pass
    return str(caught.value)


@pytest.mark.parametrize("restarted", [False, True], ids=["cable pulled", "adb server ended too"])
def test_a_command_outlives_the_cable_and_is_found_again(
    phone: AdbDevice, board: HardwareProfile, restarted: bool
) -> None:
    def cut() -> None:
        phone.stop()
        if restarted:
            phone.end_server()
        phone.start()
        (phone.home / "go").touch()

    with adb.connect(board) as device:
        thread = once_begun(phone, cut)
        ended = device.run(["sh", "-c", WAITING.format(home=phone.home)], 60)
        thread.join()
    assert (ended.outcome, ended.status, ended.stdout) == (Outcome.OK, 0, "done\n")


def test_lines_are_told_once_though_the_cable_was_pulled(phone: AdbDevice, board: HardwareProfile) -> None:
    told: list[str] = []

    def cut() -> None:
        phone.stop()
        phone.start()
        (phone.home / "go").touch()

    with adb.connect(board) as device:
        thread = once_begun(phone, cut)
        ended = device.stream(["sh", "-c", f"echo one; {WAITING.format(home=phone.home)}"], 60, told.append)
        thread.join()
    assert (ended.outcome, told) == (Outcome.OK, ["one", "done"])


def test_a_device_that_stays_away_is_a_lost_transport(
    phone: AdbDevice, board: HardwareProfile, hardware: HardwareProfile
) -> None:
    with adb.connect(phone.profile(hardware, reconnect_s=0.3)) as device:
        thread = once_begun(phone, phone.stop)
        ended = device.run(["sh", "-c", WAITING.format(home=phone.home)], 60)
        thread.join()
        (phone.home / "go").touch()
    assert (ended.outcome, ended.status) == (Outcome.TRANSPORT_LOST, None)


def test_what_the_device_holds_is_not_sent_again(phone: AdbDevice, board: HardwareProfile, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    blob = phone.home / FOLDER / "blobs" / hashlib.sha256(b"content").hexdigest()
    with adb.connect(board) as device:
        device.put(tmp_path / "file", "file")
        first = blob.stat().st_ino
    with adb.connect(board) as device:
        device.put(tmp_path / "file", "again")
    assert blob.stat().st_ino == first
    assert list((phone.home / FOLDER / "work").iterdir()) == []


def test_a_killed_agent_has_failed(board: HardwareProfile) -> None:
    with adb.connect(board) as device:
        ended = device.run(["sh", "-c", "kill -s KILL $$"], 60)
    assert (ended.outcome, ended.status) == (Outcome.COMMAND_FAILED, 137)


def test_a_full_disk_is_told(phone: AdbDevice, board: HardwareProfile, tmp_path: Path) -> None:
    place = phone.home / FOLDER
    place.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        (tmp_path / "large").write_bytes(os.urandom(400_000))
        with (
            adb.connect(board) as device,
            pytest.raises(DeviceFailed, match=r"cannot copy large: .*No space left on device"),
        ):
            device.put(tmp_path / "large", "large")
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_truncated_result_is_no_result(board: HardwareProfile, tmp_path: Path) -> None:
    agent = tmp_path / "agent.py"
    agent.write_text("""open('outputs-result.json', 'w').write('{"status": "o')""")
    with adb.connect(board) as device:
        device.put(agent, "agent.py")
        with pytest.raises(DeviceFailed, match="no sound result"):
            job.run(device, OutputsJob(name="outputs", models=()))


def test_a_device_fills_in_its_own_profile(phone: AdbDevice, board: HardwareProfile, tmp_path: Path) -> None:
    way = board.transport.model_dump(mode="json", exclude_unset=True)
    found = probing.probe(way, tmp_path / "my-phone.yaml")
    assert (found.transport.kind, found.transport.address) == ("adb", phone.serial)
    assert found.cpu_cores.value == os.cpu_count()
    assert load.hardware(str(tmp_path / "my-phone.yaml")) == found


def test_hostile_output_has_an_end_and_is_safe_to_show(board: HardwareProfile) -> None:
    code = r"import sys; sys.stdout.buffer.write(b'\xff\x1b[31mred\n' + b'x' * (9 << 20)); sys.stderr.write('\x1b]0;t')"
    with adb.connect(board) as device:
        ended = device.run([device.python(), "-c", code], 60)
    assert ended.stdout.startswith("\N{REPLACEMENT CHARACTER}" * 2 + "[31mred\n")
    assert len(ended.stdout) == 8 << 20
    assert ended.stderr == "\N{REPLACEMENT CHARACTER}]0;t"


def test_a_serial_that_is_not_there_is_named(phone: AdbDevice, hardware: HardwareProfile) -> None:
    told = refusal(DeviceFailed, phone.profile(hardware, address="R58N12ABCDE"))
    assert "device 'R58N12ABCDE' not found" in told
    assert "adb devices" in told


def test_without_a_serial_none_is_guessed(phone: AdbDevice, hardware: HardwareProfile) -> None:
    assert "hardware probe --adb" in refusal(RecipeError, phone.profile(hardware, address=None))


@pytest.mark.parametrize(
    ("said", "todo"), [("device unauthorized.", "accept this computer's key"), ("device offline", "plug it in again")]
)
def test_what_the_client_complains_of_is_told_with_a_way_out(
    hardware: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, todo: str
) -> None:
    (tmp_path / "adb").write_text(f"#!/bin/sh\necho 'error: {said}' >&2\nexit 1\n")
    (tmp_path / "adb").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    way = Transport.model_validate({"kind": "adb", "address": "R58N12ABCDE"})
    told = refusal(DeviceFailed, hardware.model_copy(update={"transport": way}))
    assert said in told
    assert todo in told


def test_a_machine_without_adb_says_so(hardware: HardwareProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    way = Transport.model_validate({"kind": "adb", "address": "R58N12ABCDE"})
    assert "adb is not installed" in refusal(DeviceFailed, hardware.model_copy(update={"transport": way}))


@pytest.mark.parametrize(
    ("key", "value"), [("address", "-P5037"), ("address", "a;reboot"), ("user", "root"), ("key_files", ("~/key",))]
)
def test_a_way_that_is_more_than_a_serial_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        Transport.model_validate({"kind": "adb", "address": "R58N12ABCDE", key: value})
