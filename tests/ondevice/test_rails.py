"""Rails and counters of made-up monitors, old and new."""

from __future__ import annotations

from pathlib import Path

import pytest
from board import Board
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l0gm_edge.ondevice import rails

RAPL = "sys/class/powercap/intel-rapl:0"


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    made = Board(tmp_path)
    monkeypatch.setattr(rails, "ROOT", made.root)
    monkeypatch.setenv("PATH", str(made.tools))
    return made


def told() -> dict[str, float | None]:
    return {name: rails.milliwatts(factors) for name, factors in rails.rails().items()}


def test_each_kind_of_monitor_is_read(board: Board) -> None:
    board.rail("VDD_IN", millivolts=5000, milliamperes=1200)
    board.write("sys/class/hwmon/hwmon2/name", "ina226")
    board.write("sys/class/hwmon/hwmon2/power1_input", "2500000")
    board.write("sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/rail_name_0", "POM_5V_IN")
    board.write("sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input", "4520")
    assert told() == {
        "VDD_IN": pytest.approx(6000), "ina226": pytest.approx(2500), "POM_5V_IN": pytest.approx(4520)
    }  # fmt: skip


def test_packages_count_and_their_parts_do_not(board: Board) -> None:
    assert not rails.available()
    for folder, name in ((RAPL, "package-0"), (f"{RAPL}:0", "core")):
        board.write(f"{folder}/name", name)
        board.write(f"{folder}/energy_uj", "123")
        board.write(f"{folder}/max_energy_range_uj", "999")
    assert rails.available()
    assert rails.sample({}, rails.counters())["counters_uj"] == {"package-0": 123}
    assert rails.spans() == {"package-0": 999}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["in1_input", "curr1_input", "in1_label"]), st.binary(max_size=30))
def test_noise_in_a_monitor_is_no_negative_power(board: Board, name: str, noise: bytes) -> None:
    board.rail("VDD_IN", 5000, 1000)
    (board.root / "sys/class/hwmon/hwmon1" / name).write_bytes(noise)
    assert all(value is not None and value >= 0 for value in told().values())
