"""Energy of one inference: integrated exactly, refused in words, and taken from made-up rails."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models
from board import Board
from fake_device import FakeDevice
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from l0gm_edge.core.energy import Energy
from l0gm_edge.measure import energy, job, tasks
from l0gm_edge.measure.job import ModelFile, PowerLog, PowerSample

SECOND = 10**9


def rail(powers: list[float], name: str = "VDD_IN") -> tuple[PowerSample, ...]:
    """A sample each tenth of a second from the window's begin on."""
    return tuple(
        PowerSample(ns=k * SECOND // 10, rails_mw={name: power}, counters_uj={}) for k, power in enumerate(powers)
    )


def counter(counts: list[int]) -> tuple[PowerSample, ...]:
    return tuple(
        PowerSample(ns=k * SECOND // 10, rails_mw={}, counters_uj={"package-0": count})
        for k, count in enumerate(counts)
    )


def log(samples: tuple[PowerSample, ...], runs: int = 100, **spans: int) -> PowerLog:
    return PowerLog(began_ns=0, ended_ns=SECOND, runs=runs, samples=samples, spans_uj=spans)


def test_a_level_rail_is_its_power_times_the_time() -> None:
    found = energy.integrated(log(rail([5000.0] * 12), runs=50))
    assert (found.mj, found.mean_mw, found.seconds, found.rails) == (100.0, 5000.0, 1.0, ("VDD_IN",))
    assert found.samples == 11


def test_a_rail_that_rises_evenly_counts_by_its_mean() -> None:
    assert energy.integrated(log(rail([1000.0 * k for k in range(13)]))).mean_mw == pytest.approx(5000)


def test_a_counter_that_begins_again_is_followed() -> None:
    told = log(counter([(950_000 + 10_000 * k) % 1_000_000 for k in range(11)]), **{"package-0": 1_000_000})
    found = energy.integrated(told)
    assert found.mean_mw == pytest.approx(100)  # 10 mJ in a tenth of a second
    assert found.mj == pytest.approx(1.0)


def test_named_rails_add_up() -> None:
    samples = tuple(
        PowerSample(ns=k * SECOND // 10, rails_mw={"VDD_CPU_CV": 700.0, "VDD_GPU_SOC": 300.0}, counters_uj={})
        for k in range(11)
    )
    assert energy.integrated(log(samples), ("VDD_CPU_CV", "VDD_GPU_SOC")).mean_mw == pytest.approx(1000)
    assert "those that do in energy_rails: VDD_CPU_CV, VDD_GPU_SOC" in (
        energy.integrated(log(samples)).unavailable or ""
    )
    assert "tells no VDD_IN" in (energy.integrated(log(samples), ("VDD_IN",)).unavailable or "")


def test_lines_of_tegrastats_are_read() -> None:
    lines = tuple(
        PowerSample(ns=k * SECOND // 10, rails_mw={}, counters_uj={}, line=f"RAM 1/2MB VDD_IN {4000 + k}mW/4000mW\n")
        for k in range(11)
    )
    assert energy.integrated(log(lines)).mean_mw == pytest.approx(4005)


@pytest.mark.parametrize(
    ("samples", "told"),
    [(rail([5000.0] * 4), "4 samples of power"), (rail([0.0] * 11), "no power at all"), ((), "energy_rails: none")],
)
def test_too_little_is_no_figure(samples: tuple[PowerSample, ...], told: str) -> None:
    found = energy.integrated(log(samples))
    assert (found.mj, found.mean_mw) == (None, None)
    assert told in (found.unavailable or "")


@given(st.lists(st.floats(0.1, 1e7), min_size=11, max_size=40), st.integers(1, 10**6))
def test_the_mean_lies_among_the_samples(powers: list[float], runs: int) -> None:
    found = energy.integrated(log(rail(powers), runs))
    assert found.mean_mw is not None
    assert min(powers) * (1 - 1e-9) <= found.mean_mw <= max(powers) * (1 + 1e-9)
    assert Energy.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    "wrong", ['"ns": 1', '"rails_mw": {"VDD_IN": -1}', '"rails_mw": {"VDD_IN": Infinity}', '"counters_uj": {"p": -1}']
)
def test_samples_that_cannot_be_are_refused(wrong: str) -> None:
    sound = '{"ns": 9, "rails_mw": {}, "counters_uj": {}}'
    key = wrong.partition(":")[0]
    spoilt = (
        "{" + ", ".join(part for part in (wrong, *sound[1:-1].split(", ")) if part is wrong or key not in part) + "}"
    )
    text = f'{{"began_ns": 0, "ended_ns": 5, "runs": 1, "samples": [{sound}, {spoilt}]}}'
    with pytest.raises(ValidationError):
        PowerLog.model_validate_json(text)


def placed(device: FakeDevice, folder: Path) -> ModelFile:
    job.put_programs(device)
    return tasks.put_model(device, "m", "onnxruntime", 1, tiny_models.write_onnx(folder / "m.onnx"))


def test_a_board_with_a_rail_is_measured_while_it_runs(device: FakeDevice, board: Board, tmp_path: Path) -> None:
    board.rail("VDD_IN", millivolts=5000, milliamperes=1200)
    found = energy.measure(device, placed(device, tmp_path), {})
    assert found.unavailable is None
    assert found.mean_mw == pytest.approx(6000)
    assert found.seconds >= 3
    assert found.mj == pytest.approx(6000 * found.seconds / found.runs)


def test_a_board_whose_tegrastats_alone_tells_is_measured_too(device: FakeDevice, board: Board, tmp_path: Path) -> None:
    board.tool("tegrastats", "#!/bin/sh\nwhile sleep 0.05; do echo RAM 1/2MB VDD_IN 4000mW/1mW; done\n")
    assert energy.measure(device, placed(device, tmp_path), {}).mean_mw == pytest.approx(4000)


def test_a_machine_that_tells_nothing_is_asked_once(device: FakeDevice, board: Board, tmp_path: Path) -> None:
    model = placed(device, tmp_path)
    device.commands.clear()
    found = energy.of_each(device, [model, model.model_copy(update={"name": "n"})], {}, ())
    assert [one.unavailable for one in found.values()] == [energy.NONE] * 2
    assert len(device.commands) == 1


def test_a_model_that_does_not_run_has_no_energy_and_says_why(device: FakeDevice, board: Board, tmp_path: Path) -> None:
    board.rail("VDD_IN", 5000, 1000)
    job.put_programs(device)
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    bad = tasks.put_model(device, "bad", "onnxruntime", 1, tmp_path / "bad.onnx")
    assert "model 'bad'" in (energy.measure(device, bad, {}).unavailable or "")
