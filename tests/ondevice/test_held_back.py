"""Why a made-up system holds itself back."""

from __future__ import annotations

from pathlib import Path

import pytest
from board import Board
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l0gm_edge.ondevice import held_back

THERMAL = "sys/class/thermal"


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    made = Board(tmp_path)
    monkeypatch.setattr(held_back, "ROOT", made.root)
    return made


def test_a_calm_board_says_nothing(board: Board) -> None:
    board.write(f"{THERMAL}/cooling_device1/type", "pwm-fan")
    board.write(f"{THERMAL}/cooling_device1/cur_state", "3")
    assert held_back.Watch().reasons() == []


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({f"{THERMAL}/cooling_device0/cur_state": "2"}, "thermal-cpufreq-0 slows it down"),
        (
            {
                f"{THERMAL}/thermal_zone0/trip_point_0_type": "passive",
                f"{THERMAL}/thermal_zone0/trip_point_0_temp": "47500",
                f"{THERMAL}/thermal_zone0/trip_point_1_type": "critical",
                f"{THERMAL}/thermal_zone0/trip_point_1_temp": "1000",
            },
            "cpu-thermal is at its limit of 48 °C",
        ),
        ({"sys/devices/platform/soc/soc:firmware/get_throttled": "50004"}, "throttled"),
    ],
)
def test_each_reason_is_told(board: Board, files: dict[str, str], told: str) -> None:
    for path, text in files.items():
        board.write(path, text)
    assert held_back.Watch().reasons() == [told]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["cooling_device0/cur_state", "thermal_zone0/temp", "cooling_device0/type"]), st.binary(max_size=40)
)
def test_files_with_noise_break_nothing(board: Board, name: str, noise: bytes) -> None:
    (board.root / THERMAL / name).write_bytes(noise)
    assert all(reason.isprintable() or "\n" not in reason for reason in held_back.Watch().reasons())
