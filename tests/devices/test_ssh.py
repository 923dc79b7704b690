"""A device behind a real sshd: what it keeps, whom it trusts, and what happens when the connection goes."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from cutting_proxy import cutting
from sshd import Sshd

from l0gm_edge.core.errors import DeviceFailed
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.devices import Device, Outcome, ssh
from l0gm_edge.measure import job, tasks
from l0gm_edge.measure.job import OutputsJob

ROOT = ".cache/l0gm-edge"
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def board(server: Sshd, hardware: HardwareProfile) -> Iterator[HardwareProfile]:
    """A profile that reaches the server; whatever a test did to it, it serves again afterwards, with nothing on it."""
    yield server.profile(hardware)
    server.stop()
    server.start()
    subprocess.run(["rm", "-rf", str(server.home / ROOT)], check=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def waiting(home: Path) -> str:
    """A program that counts its starts, says that it began, and ends when it is let go."""
    return (
        "import os, pathlib, time\n"
        f"home = pathlib.Path({str(home)!r})\n"
        "with (home / 'begun').open('a') as file: print(os.getpid(), file=file)\n"
        "while not (home / 'go').exists(): time.sleep(0.02)\n"
        "print('done')\n"
    )


@pytest.fixture
def home(server: Sshd) -> Iterator[Path]:
    yield server.home
    for name in ("begun", "go"):
        (server.home / name).unlink(missing_ok=True)


def meanwhile(home: Path, act: Callable[[], object]) -> threading.Thread:
    """Do something as soon as the waiting program has begun."""

    def work() -> None:
        eventually(lambda: (home / "begun").exists() and (home / "begun").read_text().endswith("\n"))
        act()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("written", ["tools/python", "~/tools/python"])
def test_a_python_of_the_login_folder_is_found(server: Sshd, hardware: HardwareProfile, written: str) -> None:
    (server.home / "tools").mkdir(exist_ok=True)
    (server.home / "tools" / "python").write_text("#!/bin/sh\necho found\n")
    (server.home / "tools" / "python").chmod(0o755)
    with ssh.connect(server.profile(hardware, python=written)) as device:
        assert device.run([device.python()], 60).stdout == "found\n"
    subprocess.run(["rm", "-rf", str(server.home / "tools")], check=True)


def test_what_the_device_holds_is_not_sent_again(server: Sshd, board: HardwareProfile, file: Path) -> None:
    blob = server.home / ROOT / "blobs" / hashlib.sha256(CONTENT).hexdigest()
    with ssh.connect(board) as device:
        device.put(file, "one/name")
        first = blob.stat().st_ino
        device.put(file, "another")
    with ssh.connect(board) as device:
        device.put(file, "again")
        device.get("again", file.with_name("back"))
    assert blob.stat().st_ino == first
    assert file.with_name("back").read_bytes() == CONTENT


def test_what_is_damaged_on_the_device_is_sent_again(server: Sshd, board: HardwareProfile, file: Path) -> None:
    with ssh.connect(board) as device:
        device.put(file, "file")
        (blob,) = (server.home / ROOT / "blobs").iterdir()
        blob.write_bytes(CONTENT[:100])
        device.put(file, "file")
        device.get("file", file.with_name("back"))
    assert file.with_name("back").read_bytes() == CONTENT


def test_nothing_but_blobs_stays_behind(server: Sshd, board: HardwareProfile, file: Path, home: Path) -> None:
    def interrupted() -> None:
        with ssh.connect(board) as device:
            device.put(file, "deep/inside/file")
            device.run([device.python(), "-c", waiting(home)], 60)

    meanwhile(home, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    eventually(lambda: not is_running(int((home / "begun").read_text())))
    assert list((server.home / ROOT / "work").iterdir()) == []
    assert {path.relative_to(home).parts[0] for path in home.rglob("*")} == {".cache", "begun"}


@pytest.mark.parametrize("restarted", [False, True], ids=["connection cut", "sshd killed and started again"])
def test_a_command_outlives_its_connection_and_is_found_again(
    server: Sshd, board: HardwareProfile, home: Path, restarted: bool
) -> None:
    def cut() -> None:
        assert server.cut() > 0
        if restarted:
            server.stop()
            server.start()
        (home / "go").touch()

    with ssh.connect(board) as device:
        thread = meanwhile(home, cut)
        ended = device.run([device.python(), "-c", waiting(home)], 60)
        thread.join()
    assert (ended.outcome, ended.status, ended.stdout) == (Outcome.OK, 0, "done\n")
    assert len((home / "begun").read_text().split()) == 1


def test_a_device_that_stays_away_is_a_lost_transport(
    server: Sshd, hardware: HardwareProfile, board: HardwareProfile, home: Path, tmp_path: Path
) -> None:
    impatient = server.profile(hardware, reconnect_s=0.3)
    with ssh.connect(impatient) as device:
        thread = meanwhile(home, server.stop)
        ended = device.run([device.python(), "-c", waiting(home)], 60)
        thread.join()
        (home / "go").touch()
        with pytest.raises(DeviceFailed, match="the connection was lost"):
            device.get("anything", tmp_path / "back")
    assert (ended.outcome, ended.status) == (Outcome.TRANSPORT_LOST, None)
    assert not (tmp_path / "back").exists()


def test_a_connection_that_went_between_two_steps_is_made_again(
    server: Sshd, board: HardwareProfile, file: Path
) -> None:
    with ssh.connect(board) as device:
        server.cut()
        device.put(file, "file")
        server.cut()
        device.get("file", file.with_name("back"))
    assert file.with_name("back").read_bytes() == CONTENT


@pytest.mark.parametrize("victim", ["command", "all of it"])
def test_a_killed_command_has_failed(board: HardwareProfile, home: Path, victim: str) -> None:
    def kill() -> None:
        pid = int((home / "begun").read_text())
        watching = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        parent = int(Path(f"/proc/{watching}/stat").read_text().rsplit(")", 1)[1].split()[1])
        for one in [pid] if victim == "command" else [parent, watching, pid]:
            os.kill(one, signal.SIGKILL)

    with ssh.connect(board) as device:
        thread = meanwhile(home, kill)
        ended = device.run([device.python(), "-c", waiting(home)], 60)
        thread.join()
    assert ended.outcome is Outcome.COMMAND_FAILED
    assert ended.status == 137 if victim == "command" else "left no exit status" in ended.stderr


def test_a_timeout_ends_the_children_too(board: HardwareProfile, home: Path) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    with ssh.connect(board) as device:
        ended = device.run([device.python(), "-c", child, waiting(home)], 3)
    assert ended.outcome is Outcome.TIMEOUT
    eventually(lambda: not is_running(int((home / "begun").read_text())))


def test_what_a_device_says_is_safe_to_show_and_has_an_end(board: HardwareProfile) -> None:
    code = (
        r"import sys; sys.stdout.buffer.write(b'\xff\x1b[31mred\x00\n' + b'x' * (9 << 20));"
        r"print('\x1b]0;t\x07', file=sys.stderr)"
    )
    with ssh.connect(board) as device:
        ended = device.run([device.python(), "-c", code], 60)
    assert ended.stdout.startswith("\N{REPLACEMENT CHARACTER}" * 2 + "[31mred\N{REPLACEMENT CHARACTER}\n")
    assert len(ended.stdout) == 8 << 20
    assert ended.stderr == "\N{REPLACEMENT CHARACTER}]0;t\N{REPLACEMENT CHARACTER}\n"


def test_a_file_without_end_is_not_fetched(
    board: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("l0gm_edge.devices._remote_device.MOST_FILE_BYTES", 1_000_000)
    with ssh.connect(board) as device:
        device.run(["ln", "-s", "/dev/zero", "endless"], 60)
        with pytest.raises(DeviceFailed, match="more than 1,000,000 bytes"):
            device.get("endless", tmp_path / "back")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told(server: Sshd, board: HardwareProfile, tmp_path: Path) -> None:
    place = server.home / ROOT
    place.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        (tmp_path / "large").write_bytes(os.urandom(400_000))
        with ssh.connect(board) as device:
            with pytest.raises(DeviceFailed, match=r"cannot copy large: .*No space left on device"):
                device.put(tmp_path / "large", "large")
            filling = "try: open('fill', 'wb').write(bytes(400_000))\nexcept OSError: pass"
            assert device.run([device.python(), "-c", filling], 60).outcome is Outcome.COMMAND_FAILED
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_answers_of_a_model_come_back(board: HardwareProfile, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    with ssh.connect(board) as device:
        job.put_programs(device)
        model = tasks.put_model(device, "one", "onnxruntime", 1, tiny_models.write_onnx(tmp_path / "one.onnx"))
        sets = tasks.put_sets(device, {"test": {"x": rows}})
        tasks.ask(device, [model], sets, tmp_path)
    found = tasks.read_outputs(tasks.outputs_path(tmp_path, "one", "test"), rows=6)
    np.testing.assert_allclose(found, tiny_models.linear(rows), rtol=1e-5, atol=1e-5)


def test_a_result_that_is_cut_short_is_no_result(board: HardwareProfile, tmp_path: Path) -> None:
    agent = tmp_path / "agent.py"
    agent.write_text("""open('outputs-result.json', 'w').write('{"status": "ok", "message": null, "mod')""")
    with ssh.connect(board) as device:
        device.put(agent, "agent.py")
        with pytest.raises(DeviceFailed, match="no sound result"):
            job.run(device, OutputsJob(name="outputs", models=()))


def session(device: Device, file: Path) -> None:
    device.put(file, "file")
    ended = device.run([device.python(), "-c", "open('out', 'wb').write(open('file', 'rb').read()[::-1])"], 60)
    assert ended.outcome is Outcome.OK
    device.get("out", file.with_name("back"))
    assert file.with_name("back").read_bytes() == CONTENT[::-1]


@pytest.mark.long
def test_cut_anywhere_the_work_goes_on(
    server: Sshd, board: HardwareProfile, hardware: HardwareProfile, file: Path
) -> None:
    def through_a_cut(at: float) -> int:
        with cutting(server.port, at) as proxy:
            trusted = server.known_hosts("host_key", proxy.port)
            with ssh.connect(server.profile(hardware, port=proxy.port, known_hosts=trusted)) as device:
                opened = proxy.passed
                session(device, file)
                whole = proxy.passed
            assert list((server.home / ROOT / "work").iterdir()) == []
            subprocess.run(["rm", "-rf", str(server.home / ROOT)], check=True)
            return whole if at == float("inf") else opened

    whole = through_a_cut(float("inf"))
    opened = through_a_cut(whole)
    for point in np.linspace(opened + 1, whole - 1, 10):
        through_a_cut(float(point))
