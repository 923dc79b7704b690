"""A command cut off at each of these points goes on, or ends with status 4 and one clear message; the board, reached
over a real sshd, has its settings back, and nothing of ours but what is kept by digest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sshd
import tiny_models
import yaml
from board import Board

from l0gm_edge.core.errors import DeviceFailed

pytestmark = pytest.mark.long
GOES_ON, FAILS = 0, DeviceFailed.exit_status
PROFILE = ("profile", "one.onnx", "--hardware", "board.yaml", "--runs", "400", "--processes", "2")
WANTED = {"power_mode": "MAXN", "governor": "performance", "clocks": "max", "fan": 255, "conditions": "set"}
JUMPING = """\
import time
_wall, _began = time.time, time.monotonic()
time.time = lambda: _wall() - (86400 if time.monotonic() - _began > 1 else 0)
"""
Act = Callable[["Rig"], None]


class Rig:
    """A made-up board behind a server, and the command that profiles a model there."""

    def __init__(self, folder: Path, server: sshd.Sshd, board: Board) -> None:
        self.folder, self.server, self.board = folder, server, board
        self.root = server.home / ".cache" / "l0gm-edge"
        tiny_models.write_onnx(folder / "one.onnx")
        self.write_profile()

    def write_profile(self, **transport: object) -> None:
        """The board's profile, with these of its ways changed."""
        way = self.server.transport(reconnect_s=2, **transport).model_dump(exclude_none=True, exclude_defaults=True)
        profile = {
            "name": "board",
            "title": "A made-up board",
            "runtimes": [{"name": "onnxruntime", "schemes": ["fp32"]}],
            "transport": {**way, "key_files": list(way["key_files"])},
        }
        (self.folder / "board.yaml").write_text(yaml.safe_dump(profile | WANTED))

    def start(self, *options: str) -> subprocess.Popen[str]:
        """The command, on its way."""
        command = [sys.executable, "-m", "l0gm_edge", *PROFILE, *options]
        pipe = subprocess.PIPE
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.Popen(command, cwd=self.folder, stdout=pipe, stderr=pipe, text=True, env=environment)

    def agents(self) -> list[int]:
        """The agent's processes that run on the board."""
        found = []
        for process in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                runs = words[1:2] == [b"agent.py"]  # what copies and starts it names it later
                if runs and (process / "cwd").readlink().is_relative_to(self.root):
                    found.append(int(process.name))
        return found

    def until(self, happens: Callable[[], object]) -> None:
        """Wait for something."""
        deadline = time.monotonic() + 180
        while not happens():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def left(self) -> list[str]:
        """What lies on the board, other than files by digest and what is locked."""
        kept = {"blobs", "lock"}
        folders = [path for path in self.root.iterdir() if path.name not in kept] if self.root.exists() else []
        found = (one for folder in folders for one in folder.rglob("*") if one.suffix != ".lock")
        return sorted(str(one.relative_to(self.root)) for one in found)

    def until_as_before(self, state: object) -> None:
        """Wait until no agent runs, the settings are these again, and nothing is left."""
        self.until(lambda: not self.agents() and self.board.state() == state and not self.left())


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    if why := sshd.missing():
        pytest.skip(why)
    board = Board(tmp_path / "board")
    (tmp_path / "sshd").mkdir()
    environment = {"L0GM_EDGE_ROOT": str(board.root), "PATH": f"{board.tools}:{os.environ['PATH']}"}
    with sshd.serving(tmp_path / "sshd", environment) as server:
        rig = Rig(tmp_path, server, board)
        yield rig
        if os.path.ismount(rig.root):
            subprocess.run(["umount", str(rig.root)], check=True)


def while_it_runs(act: Act) -> Act:
    """Do something as soon as the agent runs."""

    def later(rig: Rig) -> None:
        rig.until(rig.agents)
        act(rig)

    return later


def kill_agents(rig: Rig) -> None:
    def killed() -> list[int]:
        found = rig.agents()
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return found

    rig.until(killed)


def stop_and_start(rig: Rig) -> None:
    rig.server.stop()
    rig.server.start()


def come_back_as_another(rig: Rig) -> None:
    rig.server.stop()
    for ending in ("", ".pub"):
        shutil.copyfile(rig.server.folder / f"other_key{ending}", rig.server.folder / f"host_key{ending}")
    rig.server.start()


def truncate_results(rig: Rig) -> None:
    """A board whose agent leaves half a result."""
    half = "import pathlib, sys; text = 'half'; pathlib.Path(sys.argv[2][:-5] + '-result.json').write_text(text[:2])"
    python = rig.board.tools / "python-that-truncates"
    python.write_text(
        f'#!/bin/sh\n[ "$1" = agent.py ] && exec {sys.executable} -c "{half}" "$@"\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    rig.write_profile(python=str(python))


def full_disk(rig: Rig) -> None:
    """A file system on the board that holds less than what is sent."""
    rig.root.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(rig.root)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")


def jumping_clock(rig: Rig) -> None:
    (rig.folder / "jump").mkdir()
    (rig.folder / "jump" / "sitecustomize.py").write_text(JUMPING)
    python = rig.board.tools / "python-whose-clock-jumps"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={rig.folder / "jump"} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    rig.write_profile(python=str(python))


BEFORE: dict[str, tuple[Act, int, str]] = {
    "nobody there": (lambda rig: rig.server.stop(), FAILS, "cannot be reached"),
    "another host key": (lambda rig: rig.write_profile(known_hosts=rig.server.known_hosts("other_key")), FAILS, "key"),
    "disk full": (full_disk, FAILS, "No space left on device"),
    "result truncated": (truncate_results, FAILS, "no sound result"),
    "clock jumps back a day": (jumping_clock, GOES_ON, ""),
}
MEANWHILE: dict[str, tuple[Act, int, str]] = {
    "connection cut": (lambda rig: rig.server.cut(), GOES_ON, ""),
    "sshd killed and started": (stop_and_start, GOES_ON, ""),
    "agent killed": (kill_agents, FAILS, "did not finish"),
    "comes back with another host key": (come_back_as_another, FAILS, "key"),
}


def ended(rig: Rig, command: subprocess.Popen[str], status: int, says: str) -> None:
    """It ended so, in one message, and the board is as it was."""
    stdout, stderr = command.communicate(timeout=300)
    assert command.returncode == status, stderr
    assert "Traceback" not in stderr
    if status == GOES_ON:
        assert "p50" in stdout
    else:
        assert says in stderr
        assert [line.split(":")[0] for line in stderr.splitlines()].count("error") == 1


@pytest.mark.parametrize("name", BEFORE)
def test_what_is_wrong_from_the_start(name: str, rig: Rig) -> None:
    act, status, says = BEFORE[name]
    before = rig.board.state()
    act(rig)
    ended(rig, rig.start(), status, says)
    rig.until_as_before(before)


@pytest.mark.parametrize("name", MEANWHILE)
def test_what_happens_meanwhile(name: str, rig: Rig) -> None:
    act, status, says = MEANWHILE[name]
    before = rig.board.state()
    command = rig.start()
    while_it_runs(act)(rig)
    ended(rig, command, status, says)
    if name == "comes back with another host key":  # whom nobody lets in, nobody tidies up after
        rig.until(lambda: not rig.agents() and rig.board.state() == before)
    else:
        rig.until_as_before(before)


def test_a_device_that_another_uses_is_not_touched(rig: Rig) -> None:
    before = rig.board.state()
    first = rig.start()
    while_it_runs(lambda rig: ended(rig, rig.start("--wait", "0"), FAILS, "is used by"))(rig)
    ended(rig, first, GOES_ON, "")
    rig.until_as_before(before)
