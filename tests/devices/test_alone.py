"""One user of a device at a time: on this machine, behind a real sshd, and behind the real adb client."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge import devices
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.devices import Outcome, _alone, _remote_device

PLACES = {"local": None, "ssh": "server", "adb": "phone"}
"""Transports, and which fixture each reaches."""
HOLDING = """
import sys, time
from l0gm_edge import devices
from l0gm_edge.core.hardware import HardwareProfile
with devices.opened(HardwareProfile.model_validate_json(sys.argv[1])) as device:
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=PLACES)
def profile(request: pytest.FixtureRequest, hardware: HardwareProfile) -> HardwareProfile:
    """This machine, the same behind SSH, or a stand-in for a phone."""
    reached = PLACES[request.param]
    if reached is None:
        return hardware
    board: HardwareProfile = request.getfixturevalue(reached).profile(hardware)
    return board


@contextmanager
def another(profile: HardwareProfile) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the device."""
    command = [sys.executable, "-c", HOLDING, profile.model_dump_json()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == "held\n"
        yield holding
        if holding.poll() is None and holding.stdin is not None:
            holding.stdin.close()
            assert holding.wait(60) == 0


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def use(profile: HardwareProfile, wait_s: float = 0) -> None:
    with devices.patience(wait_s), devices.opened(profile) as device:
        assert device.run([device.python(), "-c", "pass"], 60).outcome is Outcome.OK


def test_another_is_told_of_and_not_waited_for(profile: HardwareProfile) -> None:
    with another(profile) as holding, pytest.raises(DeviceFailed) as caught:
        use(profile)
    assert f"(process {holding.pid}) since 20" in caught.value.what
    assert caught.value.what.startswith(f"{profile.name} is used by ")
    assert caught.value.exit_status == 4


def test_who_waits_says_so_in_one_line_and_has_his_turn(
    profile: HardwareProfile, caplog: pytest.LogCaptureFixture
) -> None:
    with another(profile) as holding, caplog.at_level(logging.WARNING, "l0gm_edge"):
        assert holding.stdin is not None
        threading.Timer(2, holding.stdin.close).start()
        use(profile, wait_s=60)
    assert [record.getMessage().endswith("; waiting") for record in caplog.records] == [True]


def test_waiting_ends(profile: HardwareProfile) -> None:
    with another(profile), pytest.raises(DeviceFailed, match=r"0\.3 s later still"):
        use(profile, wait_s=0.3)


def test_a_device_is_free_again_after_each_use_and_after_none_that_failed(profile: HardwareProfile) -> None:
    use(profile)
    with another(profile), pytest.raises(DeviceFailed):
        use(profile)
    use(profile, wait_s=30)


def test_work_within_work_does_not_wait_for_itself(profile: HardwareProfile) -> None:
    with devices.opened(profile):
        use(profile)
        with pytest.raises(DeviceFailed, match="is used by"):
            in_another_thread(lambda: use(profile))


def in_another_thread(work: Callable[[], None]) -> None:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except DeviceFailed as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_a_holder_that_was_killed_here_holds_nothing(hardware: HardwareProfile) -> None:
    with another(hardware) as holding:
        holding.send_signal(signal.SIGKILL)
        holding.wait()
        use(hardware)


def test_a_holder_that_was_killed_elsewhere_lets_go_soon_and_leaves_nothing(
    server: object, hardware: HardwareProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = server.profile(hardware, reconnect_s=0)  # type: ignore[attr-defined]
    with another(board) as holding:  # its keeper gives it a minute
        keeper = next((server.home / ".cache/l0gm-edge/work").glob("*/keeper"))  # type: ignore[attr-defined]
        holding.send_signal(signal.SIGKILL)
        holding.wait()
        with pytest.raises(DeviceFailed, match="is used by"):
            use(board)
        pid = keeper.read_text().strip()
        eventually(lambda: child_of(pid) is not None)
        os.kill(child_of(pid) or 0, signal.SIGKILL)  # the minute is over
        eventually(lambda: not keeper.parent.exists())
        use(board, wait_s=10)


def child_of(pid: str) -> int | None:
    """The `sleep` of a keeper that has lost its connection."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if Path(f"/proc/{child}/comm").read_text() == "sleep\n":
            return int(child)
    return None


def test_a_lost_connection_keeps_the_device(
    server: object, hardware: HardwareProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_remote_device, "GRACE_S", 1.0)
    board = server.profile(hardware, reconnect_s=1)  # type: ignore[attr-defined]
    with devices.opened(board) as device:
        assert server.cut() > 0  # type: ignore[attr-defined]
        assert device.run([device.python(), "-c", "import time; time.sleep(4)"], 60).outcome is Outcome.OK
        with pytest.raises(DeviceFailed, match="is used by"):  # the keeper's grace is over, and the leash is held
            in_another_thread(lambda: use(board))
        assert device.run([device.python(), "-c", "pass"], 60).outcome is Outcome.OK
    use(board)


@given(st.text())
def test_whatever_stands_in_a_lock_is_harmless(text: str) -> None:
    told = _alone.holder(text)
    assert told.isprintable()
    assert len(told) < 150


def test_a_keeper_that_says_something_else_is_no_keeper() -> None:
    with pytest.raises(DeviceFailed, match="does not say whether it is free") as caught:
        _alone.await_keeper(lambda _: "\x1b[2Jheld?", "board", 1)
    assert "\x1b" not in str(caught.value)


def test_a_lock_that_cannot_be_made_is_a_device_failure(
    hardware: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("L0GM_EDGE_LOCK", str(tmp_path / "file" / "lock"))
    with pytest.raises(DeviceFailed, match="cannot lock host-cpu"):
        use(hardware)
