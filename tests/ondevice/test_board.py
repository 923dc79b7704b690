"""Setting a made-up board where we are not root, and where it does not do as it is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from board import Board, appearing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l0gm_edge.ondevice import board as program

SUDO = """#!/bin/sh
echo "sudo $*" >>{log}
[ "$1 $2" = "-n -k" ] || exit 9
shift 2
exec "$@"
"""


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    made = appearing(tmp_path, monkeypatch)
    monkeypatch.setattr(program, "ROOT", made.root)
    return made


def test_a_plain_user_asks_sudo_for_single_commands(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board.tool("sudo", SUDO.format(log=board.root / "log"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program.set_power_mode("MAXN")
    assert f"sudo -n -k {board.tools}/nvpmodel -m 0" in board.log()
    assert program.power_mode() == ("MAXN", "0")


def test_a_user_without_sudo_is_told_so(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board.tool("sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2; exit 1\n")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(program.Unable, match="nvpmodel -m 0: sudo: a password is required"):
        program.set_power_mode("MAXN")


def test_a_file_that_only_root_may_write_is_written_by_tee(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    path = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    board.tool("sudo", SUDO.format(log=board.root / "log"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "write_text", refuse)
    program.write(path, "performance")
    assert program.text_of(path) == "performance"
    assert any(one.endswith(f"tee {board.root / path}") for one in board.log())


def test_a_board_without_jetson_s_tools_is_set_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = appearing(tmp_path, monkeypatch, jetson=False)
    monkeypatch.setattr(program, "ROOT", plain.root)
    monkeypatch.setenv("PATH", str(plain.tools))
    before, wanted = plain.state(), {"governor": "performance", "clocks": "max", "fan": 128}
    was = program.record(wanted, str(tmp_path / "store"))
    program.apply(wanted)
    assert program.differs(wanted) == []
    assert program.steadiness() == {"clocks_locked": True, "fan_pwm": 128}
    assert program.put_back(was) == []
    assert plain.state() == before


def test_a_file_that_does_not_keep_what_it_is_told_is_refused(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "write", lambda path, text: None)
    with pytest.raises(program.Unable, match="scaling_governor is schedutil although performance was set"):
        program.apply({"governor": "performance"})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80))
def test_noise_of_nvpmodel_is_a_mode_or_a_refusal(board: Board, noise: str) -> None:
    (board.root / "said").write_text(noise, encoding="utf-8")
    board.tool("nvpmodel", f"#!/bin/sh\ncat {board.root}/said\n")
    try:
        name, number = program.power_mode()
    except program.Unable:
        return
    assert name.strip() == name
    assert number.isdigit()
