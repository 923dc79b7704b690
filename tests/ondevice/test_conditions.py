"""The program that says what the device is, on this machine and on a made-up /sys and /proc."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from l0gm_edge.ondevice import board, conditions, held_back

PROGRAM = Path(__file__).parents[2] / "l0gm_edge" / "ondevice" / "conditions.py"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for module in (board, held_back):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return conditions


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_machine_is_told_without_numpy() -> None:
    ended = subprocess.run([sys.executable, "-S", str(PROGRAM)], capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout)
    assert found["machine"]["cores"] == str(os.cpu_count())
    assert found["conditions"]["time"].endswith("Z")
    assert found["conditions"]["load_1m"] >= 0


def test_clocks_and_temperatures_come_in_their_units(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "CPU", tmp_path / "cpu")
    monkeypatch.setattr(program, "THERMAL", tmp_path / "thermal")
    write(tmp_path / "cpu/cpu0/cpufreq/scaling_cur_freq", "1500000\n")
    write(tmp_path / "cpu/cpu1/cpufreq/scaling_cur_freq", "1800000\n")
    write(tmp_path / "cpu/cpu0/cpufreq/scaling_governor", "performance\n")
    write(tmp_path / "thermal/thermal_zone0/temp", "48312\n")
    write(tmp_path / "thermal/thermal_zone1/temp", "51000\n")
    write(tmp_path / "thermal/thermal_zone2/temp", "not ready\n")
    found = program.conditions()
    assert found["frequency_mhz"] == pytest.approx(1650)
    assert found["governor"] == "performance"
    assert found["temperature_c"] == pytest.approx(51)


def test_what_is_not_told_is_null(program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "CPU", tmp_path / "cpu")
    monkeypatch.setattr(program, "THERMAL", tmp_path / "thermal")
    found = program.conditions()
    assert [found[name] for name in ("governor", "frequency_mhz", "temperature_c")] == [None, None, None]


def tool(folder: Path, name: str, script: str) -> None:
    write(folder / name, f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_tools_of_the_device_are_asked_where_they_are(tmp_path: Path) -> None:
    tool(tmp_path, "nvpmodel", 'echo "NV Power Mode: $1"')
    tool(tmp_path, "tegrastats", "while true; do echo RAM 1; sleep 0.01; done")
    asked = {
        "mode": (["nvpmodel", "-q"], False),
        "stats": (["tegrastats", "--interval", "200"], True),
        "absent": (["no-such-tool"], False),
    }
    ended = subprocess.run(
        [sys.executable, "-S", str(PROGRAM), json.dumps(asked)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert json.loads(ended.stdout)["answers"] == {"mode": "NV Power Mode: -q\n", "stats": "RAM 1\n"}


def test_a_tool_that_hangs_or_floods_is_cut_short(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "TOOL_SECONDS", 0.5)
    monkeypatch.setattr(program, "LONGEST", 1000)
    tool(tmp_path, "slow", "echo begun; exec sleep 60")
    tool(tmp_path, "flood", "exec yes 0123456789")
    assert program.answer([str(tmp_path / "slow")], streams=False) == "begun\n"
    assert len(program.answer([str(tmp_path / "flood")], streams=False)) == 1000
