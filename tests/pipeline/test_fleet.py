"""The same command for many devices: side by side, each for itself, and what is known is not asked again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tiny_models
from synthetic import hardware

from l0gm_edge.core import processes
from l0gm_edge.core.errors import RefusedInput
from l0gm_edge.core.hardware import HardwareProfile, Transport
from l0gm_edge.core.progress import Silent
from l0gm_edge.core.store import RunFolder
from l0gm_edge.pipeline import fleet
from l0gm_edge.pipeline.fleet import Answered, Job

QUICK = ("--processes", "1", "--runs", "10")


def device(name: str, port: int | None = None) -> HardwareProfile:
    """A device of this name; with a port, behind an SSH server that is not there."""
    way = Transport(kind="ssh", address="127.0.0.1", port=port) if port else Transport()
    return hardware().model_copy(update={"name": name, "transport": way})


def listing(name: str, *arguments: str, port: int | None = None) -> Job:
    """A job that takes no time: it lists the recipes."""
    return Job(device(name, port), "list", arguments or ("recipes", "list"), {"made": "of this"})


def ask(folder: Path, *jobs: Job) -> tuple[Answered, ...]:
    return fleet.ask(jobs, folder, Silent())


def test_every_job_has_its_answer_in_order(tmp_path: Path) -> None:
    found = ask(tmp_path, listing("one"), listing("two", port=1), Job(device("three"), "list", refused="it cannot"))
    assert [one.job.hardware.name for one in found] == ["one", "two", "three"]
    assert [one.answer.status for one in found] == [0, 0, 2]
    assert '"digits"' in found[0].answer.text
    assert [one.answer.error for one in found] == ["", "", "it cannot"]


def test_only_what_is_missing_is_asked_again(tmp_path: Path) -> None:
    bad = listing("two", "recipes", "show", "no-such-recipe", port=1)
    first = ask(tmp_path, listing("one"), bad)
    assert [one.answer.status for one in first] == [0, 2]
    assert "no-such-recipe" in first[1].answer.error
    second = ask(tmp_path, listing("one"), listing("two", port=1))
    assert [(one.answer.status, one.reused) for one in second] == [(0, True), (0, False)]
    changed = Job(device("one"), "list", ("recipes", "list"), {"made": "of something else"})
    assert [one.reused for one in ask(tmp_path, changed)] == [False]


def test_a_command_that_says_nothing_sound_is_told_of(tmp_path: Path) -> None:
    (only,) = ask(tmp_path, listing("one", "recipes", "list", "--help"))
    assert only.answer.error.startswith("it ended with status 0 and said Usage:")
    assert RunFolder(tmp_path / "one").record("list") is None


def test_devices_take_no_turns_and_jobs_of_one_device_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[str] = []
    most: list[int] = []
    both = threading.Barrier(2, timeout=30)

    def run(self: object, job: Job) -> fleet.Answer:
        running.append(job.hardware.name)
        most.append(running.count("one"))
        if job.name == "first":
            both.wait()  # both devices are at work at once, or this never returns
        running.remove(job.hardware.name)
        return fleet.Answer(status=0, text="{}")

    monkeypatch.setattr(fleet._Children, "run", run)
    jobs = [Job(device(name, port), step) for name, port in (("one", None), ("two", 1)) for step in ("first", "then")]
    assert len(ask(tmp_path, *jobs)) == 4
    assert max(most) == 1


def test_what_a_command_tells_a_person_is_passed_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from l0gm_edge.devices import _alone

    lock = Path(os.environ["L0GM_EDGE_LOCK"])
    model = tiny_models.write_onnx(tmp_path / "m.onnx")
    job = Job(device("bench"), "m", ("profile", str(model), "--hardware", "host-cpu", *QUICK, "--wait", "1"))
    with _alone.locked(lock, "bench", 0):
        (only,) = ask(tmp_path / "out", job)
    assert only.answer.status == 4
    assert "is used by" in only.answer.error
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("bench: host-cpu is used by ")
    assert line.endswith("; waiting")


def test_one_call_at_a_time_in_a_folder(tmp_path: Path) -> None:
    with RunFolder(tmp_path).exclusive(), pytest.raises(RefusedInput, match="another run is at work"):
        ask(tmp_path, listing("one"))


ASKING = """
import sys
from pathlib import Path
from synthetic import hardware
from l0gm_edge.core.progress import Silent
from l0gm_edge.pipeline import fleet
model, out = sys.argv[1:]
many = ("profile", model, "--hardware", "host-cpu", "--processes", "500", "--runs", "100000")
try:
    fleet.ask([fleet.Job(hardware(), name, many) for name in ("first", "second")], Path(out), Silent())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_ends_every_command_and_begins_no_other(tmp_path: Path) -> None:
    model = tiny_models.write_onnx(tmp_path / "m.onnx")
    paths = os.pathsep.join([processes.search_path(), str(Path(__file__).parents[1] / "builders")])
    command = [sys.executable, "-c", ASKING, str(model), str(tmp_path / "out")]
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as asking:
        deadline = time.monotonic() + 60
        while not any(is_agent(pid) for pid in descendants(asking.pid)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        below = descendants(asking.pid)
        asking.send_signal(signal.SIGINT)
        assert asking.communicate(timeout=60)[0] == "interrupted\n"
    assert not any(Path(f"/proc/{pid}").exists() for pid in below)
    assert not any((tmp_path / "out").rglob("answer.json"))


def descendants(pid: int) -> list[int]:
    """Every process below this one."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def is_agent(pid: int) -> bool:
    try:
        return b"agent.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_what_another_device_learned_is_taken_over_once(tmp_path: Path) -> None:
    from l0gm_edge.pipeline import fleet_members

    for name, stages in (("one", ("learn", "measure")), ("two", ("prune",))):
        for stage in stages:
            (tmp_path / name / stage).mkdir(parents=True)
            (tmp_path / name / stage / "record.json").write_text(name)
    fleet_members.take_over(tmp_path / "two", [tmp_path / "one", tmp_path / "two"])
    found = {path.parent.name: path.read_text() for path in (tmp_path / "two").rglob("record.json")}
    assert found == {"learn": "one", "prune": "two"}
