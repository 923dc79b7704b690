"""The kinds of profile beside the plain one: what they find, and what does not go together."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import tiny_models
from board import Board
from fake_device import FakeDevice
from hypothesis import given
from hypothesis import strategies as st

from l0gm_edge.core.errors import DeviceFailed, RefusedInput
from l0gm_edge.core.hardware import HardwareProfile, Runtime
from l0gm_edge.core.profiled import OfflineProfile, Point, SustainedProfile, ThreadProfile
from l0gm_edge.core.progress import Silent
from l0gm_edge.core.recipe import Measure
from l0gm_edge.measure import profiling, single, stream, sustained
from l0gm_edge.measure.profiling import Scenario, Wanted
from l0gm_edge.measure.stream import Least


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_models.write_onnx(tmp_path / "m.onnx", rows="n")


def test_a_least_number_is_shared_among_processes_and_reached(
    device: FakeDevice, hardware: HardwareProfile, model: Path
) -> None:
    wanted = Wanted(processes=2, min_queries=3001, min_seconds=0.4)
    found = profiling.profile(device, hardware, model, wanted)
    assert isinstance(found, single.ModelProfile)
    assert found.runs >= 3001
    assert {block.process for block in found.blocks} == {0, 1}
    assert all(0 < len(block.latencies_ns) <= 1000 for block in found.blocks)
    assert all(one.bound_ns is not None and one.value_ns is not None for one in found.percentiles)


def test_least_is_divided_so_that_the_whole_is_reached() -> None:
    share = Least(seconds=60, queries=1024).share(3)
    assert (share.seconds, share.queries) == (20, 342)


def test_throughput_counts_samples_of_whole_batches(device: FakeDevice, hardware: HardwareProfile, model: Path) -> None:
    wanted = Wanted(processes=2, min_queries=1001, min_seconds=0.2, batch=4, scenario=Scenario.OFFLINE)
    found = profiling.profile(device, hardware, model, wanted)
    assert isinstance(found, OfflineProfile)
    for one in found.runs:
        assert one.samples % 4 == 0
        assert one.samples >= 501
        assert one.elapsed_ns >= 0.1 * 1e9
    assert found.slowest <= found.samples_per_second <= found.fastest
    whole = sum(one.samples for one in found.runs) / sum(one.elapsed_ns for one in found.runs)
    assert found.samples_per_second == pytest.approx(whole * 1e9)


def test_a_batch_that_a_file_does_not_take_is_the_device_s_word(
    device: FakeDevice, hardware: HardwareProfile, tmp_path: Path
) -> None:
    fixed = tiny_models.write_onnx(tmp_path / "fixed.onnx")
    with pytest.raises(DeviceFailed, match=r"model 'fixed'.* invalid dimensions"):
        profiling.profile(device, hardware, fixed, Wanted(batch=4, scenario=Scenario.OFFLINE, processes=1))


def test_numbers_of_threads_are_timed_side_by_side(device: FakeDevice, hardware: HardwareProfile, model: Path) -> None:
    found = profiling.profile(device, hardware, model, Wanted(threads=(2, 1), processes=2, runs=60))
    assert isinstance(found, ThreadProfile)
    assert [row.threads for row in found.rows] == [2, 1]
    assert (found.rows[0].ratio, found.threads) == (1.0, 2)
    pairs = [{(block.process, block.round) for block in row.blocks} for row in found.rows]
    assert pairs[0] == pairs[1]
    low, high = found.rows[1].interval or (0, 0)
    assert low <= (found.rows[1].ratio or 0) <= high


def test_a_long_run_is_told_in_windows_and_names_what_holds_it_back(
    device: FakeDevice, hardware: HardwareProfile, model: Path, board: Board
) -> None:
    board.write("sys/class/thermal/cooling_device0/cur_state", "1")
    found = profiling.profile(device, hardware, model, Wanted(sustained_s=2.0))
    assert isinstance(found, SustainedProfile)
    assert found.points[-1].seconds >= 2
    assert len(found.points) >= 3
    assert found.runs == sum(one.runs for one in found.points)
    assert {one.held_back for one in found.points} == {("thermal-cpufreq-0 slows it down",)}
    assert {(one.temperature_c, one.frequency_mhz) for one in found.points} == {(48.0, 729.6)}


class Counting:
    """A task, and the figures that it was given."""

    def __init__(self) -> None:
        self.figures: list[dict[str, float]] = []

    def advance(self, steps: int = 1, **fields: float) -> None:
        """One more."""
        self.figures += [fields] * steps


def test_a_long_run_moves_on_window_by_window(
    device: FakeDevice, hardware: HardwareProfile, model: Path, board: Board
) -> None:
    task = Counting()
    progress = Silent()
    progress.task = lambda *_: nullcontext(task)  # type: ignore[method-assign]
    found = sustained.profile_sustained(device, hardware, model, threads=1, seconds=2.0, progress=progress)
    assert len(task.figures) == len(found.points)
    assert {one["temperature_c"] for one in task.figures} == {48.0}
    assert all(one["p50_ms"] > 0 for one in task.figures)


@given(st.text() | st.just('{"p50_ms": 1, "other": 2}') | st.just('{"p50_ms": -1}') | st.just("[" * 2000))
def test_what_is_no_window_moves_nothing_on(line: str) -> None:
    task = Counting()
    stream.showing(task)(line)
    assert task.figures == []


def test_a_throttled_board_spoils_a_profile(
    device: FakeDevice, hardware: HardwareProfile, model: Path, board: Board
) -> None:
    board.write("sys/class/thermal/cooling_device0/cur_state", "1")
    found = single.profile_model(
        device, hardware, model, threads=1, with_layers=False, settings=Measure(processes=2, blocks=3)
    )
    assert [(one.process, one.round) for one in found.held_back] == [(p, r) for p in range(2) for r in range(3)]
    assert found.disturbed == ("the device was held back in 6 rounds of runs: thermal-cpufreq-0 slows it down",)
    assert set(found.disturbed) <= set(found.warnings)


def test_settings_are_set_while_a_profile_is_made_and_given_back(
    device: FakeDevice, hardware: HardwareProfile, model: Path, board: Board
) -> None:
    before = board.state()
    setting = HardwareProfile.model_validate(
        {**hardware.model_dump(), "power_mode": "MAXN", "governor": "performance", "conditions": "set"}
    )
    found = profiling.profile(device, setting, model, Wanted(processes=1, runs=70))
    told = (found.before.conditions, found.after.conditions)
    assert {(one.power_mode, one.governor) for one in told} == {("MAXN", "performance")}
    assert found.disturbed == ()
    assert board.state() == before


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"sustained_s": 9, "scenario": "offline"}, "--sustained and --scenario offline are two kinds"),
        ({"threads": (1, 2), "sustained_s": 9}, "--sustained and several --threads"),
        ({"scenario": "offline", "layers": True}, "--layers goes with a single stream; not with --scenario offline"),
        (
            {"sustained_s": 9, "runs": 9, "processes": 2},
            "--runs goes with .*; --processes goes .*; not with --sustained",
        ),
        ({"scenario": "offline", "runs": 9}, "--runs goes with a single stream and several --threads; not with"),
        ({"threads": (1, 2), "min_seconds": 9}, "--min-duration goes with .*; not with several --threads"),
        ({"batch": 2}, "--batch goes with --scenario offline; not with a single stream"),
        ({"runs": 250, "min_queries": 9}, "--runs is how many, --min-duration and --min-queries how many at least"),
        ({"threads": (2, 2)}, "each number of threads may stand once"),
        ({"threads": (1, 3)}, "3 threads do not fit on the 2 cores of affinity"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_starts(
    hardware: HardwareProfile, model: Path, wanted: dict[str, object], told: str
) -> None:
    pinned = hardware.model_copy(update={"affinity": (0, 1)})
    with pytest.raises(RefusedInput, match=told):
        profiling.require_sound(Wanted.model_validate(wanted), model, pinned)


def test_a_batch_is_refused_before_anything_starts_where_the_file_has_its_own(
    hardware: HardwareProfile, tmp_path: Path
) -> None:
    fixed = tiny_models.write_tflite(tmp_path / "m.tflite")
    both = hardware.model_copy(update={"runtimes": (Runtime(name="tflite", schemes=("fp32",)),)})
    wanted = Wanted(batch=2, scenario=Scenario.OFFLINE)
    with pytest.raises(RefusedInput, match="tflite takes the batch that its file was made for"):
        profiling.require_sound(wanted, fixed, both)


def test_a_page_has_operators_where_its_kind_of_profile_can() -> None:
    assert Wanted(page=True).with_operators
    assert Wanted(layers=True).with_operators
    assert not Wanted().with_operators
    for kind in ({"sustained_s": 9}, {"scenario": "offline"}, {"threads": (1, 2)}):
        assert not Wanted.model_validate({**kind, "page": True}).with_operators


@given(st.text(max_size=20) | st.from_regex(r"[0-9, ]{1,12}", fullmatch=True))
def test_numbers_of_threads_are_read_or_refused(text: str) -> None:
    try:
        found = profiling.numbers(text)
    except RefusedInput:
        return
    assert found
    assert all(1 <= one <= 9999 for one in found)
    assert profiling.numbers(",".join(map(str, found))) == found


def points(*p50_ms: float) -> list[Point]:
    return [
        Point(
            seconds=float(k + 1), runs=9, p50_ns=ms * 1e6, p90_ns=ms * 2e6, temperature_c=None, frequency_mhz=None,
            held_back=(),
        )
        for k, ms in enumerate(p50_ms)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("p50_ms", "drift", "after"),
    [
        ((1, 1, 1, 1, 1, 1, 1, 1), 1.0, 0.0),
        ((1, 1, 1.2, 1.5, 2, 2, 2, 2), 2.0, 4.0),
        ((2, 1, 1, 1), 0.5, 1.0),
        ((1, 2, 1, 2), 2.0, None),
        ((1,), 1.0, 0.0),
    ],
)
def test_drift_and_rest_of_a_long_run(p50_ms: tuple[float, ...], drift: float, after: float | None) -> None:
    found = points(*p50_ms)
    assert sustained.drift(found) == pytest.approx(drift)
    assert sustained.steady_after(found) == after


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=50))
def test_a_run_is_at_rest_from_where_it_says(p50_ms: list[float]) -> None:
    found = points(*p50_ms)
    after = sustained.steady_after(found)
    if after is not None and len(found) > 1:
        kept = [one.p50_ns for one in found if one.seconds > after]
        assert len(kept) >= 2
        assert max(kept) / min(kept) <= 1.05 / 0.95 + 1e-9
