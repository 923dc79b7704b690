"""Settings of a made-up board: set, held, and given back, however a run ends; here, and over a real sshd."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sshd
from board import Board
from fake_device import FakeDevice

from l0gm_edge import devices
from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.devices import CommandResult, Device, Outcome
from l0gm_edge.measure import conditions, settings

PROGRAMS = Path(__file__).parents[2] / "l0gm_edge" / "ondevice"
WANTED: dict[str, object] = {
    "power_mode": "MAXN",
    "governor": "performance",
    "clocks": "max",
    "fan": 255,
    "conditions": "set",
}


@pytest.fixture(params=["local", "ssh"])
def wanting(
    request: pytest.FixtureRequest, hardware: HardwareProfile, board: Board, tmp_path: Path
) -> Iterator[HardwareProfile]:
    """A profile of this board, reached in two ways."""
    profile = HardwareProfile.model_validate({**hardware.model_dump(), **WANTED})
    if request.param == "local":
        yield profile
        return
    if why := sshd.missing():
        pytest.skip(why)
    (tmp_path / "sshd").mkdir()
    environment = {"L0GM_EDGE_ROOT": str(board.root), "PATH": os.environ["PATH"]}
    with sshd.serving(tmp_path / "sshd", environment) as server:
        yield server.profile(profile, reconnect_s=0)


def connected(profile: HardwareProfile, work: Callable[[Device], None]) -> None:
    with devices.plugin(profile.transport.kind).connect(profile) as device:
        for name in ("board", "conditions", "held_back", "settings"):
            device.put(PROGRAMS / f"{name}.py", f"{name}.py")
        work(device)


def until(happens: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_everything_is_set_and_given_back(board: Board, wanting: HardwareProfile) -> None:
    before = board.state()

    def work(device: Device) -> None:
        first = conditions.read(device).conditions
        assert (first.power_mode, first.governor, first.clocks_locked, first.fan_pwm) == ("15W", "schedutil", False, 66)
        with settings.held(device, wanting) as prepared:
            ended = prepared.run(["sleep", "0.1"], 10)
            assert ended.outcome is Outcome.OK
            state = conditions.read(prepared)
            found = state.conditions
            told = (found.power_mode, found.governor, found.clocks_locked, found.fan_pwm)
            assert told == ("MAXN", "performance", True, 255)
            assert conditions.changes(state, state, wanting) == ()
            assert board.state()["sys/class/hwmon/hwmon0/pwm1_enable"] == "1"
        assert board.state() == before

    connected(wanting, work)
    did = [one.split("/")[0].strip() for one in board.log() if "-q" not in one and "--show" not in one]
    assert did == [
        "jetson_clocks --store",
        "nvpmodel -m 0",
        "jetson_clocks",
        "nvpmodel -m 2",
        "jetson_clocks --restore",
    ]


def test_what_is_so_already_is_left_alone(board: Board, hardware: HardwareProfile) -> None:
    profile = HardwareProfile.model_validate({**hardware.model_dump(), "governor": "schedutil", "conditions": "set"})

    def work(device: Device) -> None:
        with settings.held(device, profile) as prepared:
            assert prepared is device

    connected(profile, work)


def test_a_run_that_fails_gives_back_too(board: Board, wanting: HardwareProfile) -> None:
    before = board.state()

    def work(device: Device) -> None:
        with settings.held(device, wanting):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connected(wanting, work)
    assert board.state() == before


HOST = """
    import sys
    from pathlib import Path
    from l0gm_edge import devices
    from l0gm_edge.core.hardware import HardwareProfile
    from l0gm_edge.measure import settings
    settings.IDLE_S = 1.0
    profile = HardwareProfile.model_validate_json(sys.stdin.read())
    with devices.plugin(profile.transport.kind).connect(profile) as device:
        for name in ("board.py", "settings.py"):
            device.put(Path(sys.argv[3]) / name, name)
        with settings.held(device, profile) as prepared:
            prepared.run(["sh", "-c", "touch $0; sleep 2", sys.argv[1]], 60)
            prepared.run(["sh", "-c", "touch $0; sleep 60", sys.argv[2]], 60)
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_a_host_that_is_killed_leaves_nothing_set(
    board: Board, wanting: HardwareProfile, tmp_path: Path, ending: signal.Signals
) -> None:
    """While its first command runs: over SSH that goes on to its end, and is not followed by another."""
    quick = wanting.model_copy(update={"transport": wanting.transport.model_copy(update={"reconnect_s": 0.0})})
    before, begun = board.state(), tmp_path / "begun"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST), str(begun), str(tmp_path / "never"), str(PROGRAMS)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as host:
        assert host.stdin is not None
        host.stdin.write(quick.model_dump_json())
        host.stdin.close()
        until(begun.exists)
        assert board.state()["mode"] == "0"
        host.send_signal(ending)
        host.wait(30)
        assert host.stderr is not None
        host.stderr.read()
    until(lambda: board.state() == before)
    assert not (tmp_path / "never").exists()


def test_settings_of_a_guard_that_was_killed_are_given_back_at_the_next_visit(
    board: Board, wanting: HardwareProfile
) -> None:
    before = board.state()

    def work(device: Device) -> None:
        with settings.held(device, wanting) as prepared:
            kill_guards()
            assert board.state() != before
            ended = prepared.run(["true"], 10)
            assert "nothing was heard from here for too long" in ended.stderr
        assert board.state() == before

    connected(wanting, work)


def test_what_could_not_be_given_back_is_told_and_tried_again(board: Board, wanting: HardwareProfile) -> None:
    before, sound = board.state(), (board.tools / "nvpmodel").read_text()

    def hold_and_break(device: Device) -> None:
        with settings.held(device, wanting):
            board.tool("nvpmodel", "#!/bin/sh\necho burnt; exit 9\n")

    with pytest.raises(DeviceFailed, match=r"does not have its own settings back.* nvpmodel -q: burnt"):
        connected(wanting, hold_and_break)
    assert board.state() != before
    board.tool("nvpmodel", sound)
    connected(wanting, lambda device: conditions.read(device) and None)
    assert board.state() == before


def kill_guards() -> None:
    assert guards()
    for process in guards():
        os.kill(process, signal.SIGKILL)
    until(lambda: not guards())


def guards() -> list[int]:
    """Processes of ours in sessions of their own that hold settings."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            mine = (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"settings.py" in command and b"hold" in command and os.environ["L0GM_EDGE_ROOT"].encode() in mine:
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"power_mode": "30W"}, "this device has no power mode 30W; it has MAXN, 15W"),
        ({"power_mode": "MAXN", "stuck": True}, "the power mode stays 15W: NVPM WARN: Reboot required"),
        ({"fan": 100, "fanless": True}, "this device has no fan that can be set"),
    ],
)
def test_what_cannot_be_set_is_a_device_failure_and_changes_nothing(
    board: Board, hardware: HardwareProfile, changes: dict[str, object], told: str
) -> None:
    if changes.pop("stuck", False):
        board.write("stuck", "")
    if changes.pop("fanless", False):
        board.write("sys/class/hwmon/hwmon0/name", "nct6775")
    before = board.state()
    profile = HardwareProfile.model_validate(
        {**hardware.model_dump(), "governor": "performance", "conditions": "set", **changes}
    )

    def work(device: Device) -> None:
        with settings.held(device, profile):
            raise AssertionError("it was not refused")

    with pytest.raises(DeviceFailed, match=told):
        connected(profile, work)
    until(lambda: not guards())
    assert board.state() == before


def test_two_runs_do_not_hold_one_device(board: Board, wanting: HardwareProfile) -> None:
    def work(device: Device) -> None:
        with (
            settings.held(device, wanting),
            pytest.raises(DeviceFailed, match="another run holds"),
            settings.held(device, wanting),
        ):
            raise AssertionError("it was not refused")

    connected(wanting, work)


def test_commands_run_on_the_cores_of_the_profile(hardware: HardwareProfile) -> None:
    core = max(os.sched_getaffinity(0))
    tell = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]

    def work(device: Device) -> None:
        with settings.held(device, hardware.model_copy(update={"affinity": (core,)})) as prepared:
            assert json.loads(prepared.run(tell, 20).stdout) == [core]
        with settings.held(device, hardware.model_copy(update={"affinity": (core, 900)})) as prepared:
            assert f"not all of the cores {core}, 900 can be used" in prepared.run(tell, 20).stderr

    connected(hardware, work)


def test_lines_come_from_the_cores_of_the_profile_too(hardware: HardwareProfile) -> None:
    core = max(os.sched_getaffinity(0))
    tell = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0))); print('end')"]
    told: list[str] = []

    def work(device: Device) -> None:
        with settings.held(device, hardware.model_copy(update={"affinity": (core,)})) as prepared:
            assert prepared.stream(tell, 60, told.append).outcome is Outcome.OK

    connected(hardware, work)
    assert told == [f"[{core}]", "end"]


@pytest.mark.parametrize("said", ['{"changed": 3}', "", '{"changed": ["fan"], "and": 1}'])
def test_an_account_of_settings_that_makes_no_sense_is_a_device_failure(
    device: FakeDevice, hardware: HardwareProfile, said: str
) -> None:
    profile = HardwareProfile.model_validate({**hardware.model_dump(), "governor": "performance", "conditions": "set"})
    device.answer = lambda _: CommandResult(outcome=Outcome.OK, status=0, stdout=said, stderr="")
    with pytest.raises(DeviceFailed, match="makes no sense"), settings.held(device, profile):
        raise AssertionError("it was believed")
