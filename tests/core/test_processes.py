"""A child does not outlive a parent that was killed without a word."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

PARENT = """
import subprocess, sys, time
from l0gm_edge.core import processes
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], **OPTIONS)
print(child.pid, flush=True)
time.sleep(600)
"""


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
@pytest.mark.parametrize("session", ["", "start_new_session=True, "])
def test_a_child_ends_with_a_killed_parent(session: str) -> None:
    code = PARENT.replace("**OPTIONS", f"{session}preexec_fn=processes.ending_with_this_one()")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.kill()
    deadline = time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(child)


def test_a_child_of_a_living_parent_is_left_alone() -> None:
    from l0gm_edge.core import processes

    done = subprocess.run(
        [sys.executable, "-c", "print(6 * 7)"],
        preexec_fn=processes.ending_with_this_one(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "42\n"
